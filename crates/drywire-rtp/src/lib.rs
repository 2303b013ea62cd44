//! RTP and RTCP wire formats (RFC 3550, RFC 4585, RFC 8285).
