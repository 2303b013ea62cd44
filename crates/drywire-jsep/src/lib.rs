//! Offer/answer (RFC 9429) as a pure state machine over session descriptions.
