//! Session descriptions (RFC 8866), lossless text to typed values and back.
