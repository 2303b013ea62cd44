//! ICE agent (RFC 8445) without I/O.
