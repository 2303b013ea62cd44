//! The attributes that this crate knows, one family per file.

pub(crate) mod candidate;
pub(crate) mod direction;
pub(crate) mod extmap;
pub(crate) mod fingerprint;
pub(crate) mod fmtp;
pub(crate) mod group;
pub(crate) mod ice;
pub(crate) mod mid;
pub(crate) mod msid;
pub(crate) mod rid;
pub(crate) mod rtcp;
pub(crate) mod rtcp_fb;
pub(crate) mod rtpmap;
pub(crate) mod sctp;
pub(crate) mod setup;
pub(crate) mod simulcast;
pub(crate) mod ssrc;
pub(crate) mod tls_id;
