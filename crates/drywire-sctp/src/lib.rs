//! SCTP association (RFC 9260) without I/O, over DTLS (RFC 8261).
