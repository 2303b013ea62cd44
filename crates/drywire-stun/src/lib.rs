//! STUN messages (RFC 8489), authentication and transactions without I/O.
