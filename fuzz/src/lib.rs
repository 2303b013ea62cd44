//! The bodies of the fuzz targets, as plain functions: `cargo fuzz` drives them with mutated inputs, and
//! `tests/corpus_replay.rs` of the workspace drives them with the committed seeds in every test run.
//!
//! A body is a `fn(&[u8])`, called `run` where its module has no other. It asserts more than "does not panic": what is
//! parsed and written again is the same, what is read lies within the input, what is kept is bounded.

pub mod datachannel;
pub mod dtls;
pub mod file;
pub mod gather;
pub mod ice;
pub mod jsep;
pub mod mdns;
pub mod rtcp;
pub mod rtp;
pub mod sctp;
pub mod sdp;
pub mod srtp;
pub mod stun;
pub mod turn;

/// A target: its name and its body.
pub type Target = (&'static str, fn(&[u8]));

/// The targets by name. Each has a file in `fuzz_targets/` and seeds in `corpus/<name>/`.
pub const TARGETS: &[Target] = &[
    ("dcep_message", datachannel::dcep_message),
    ("dtls_client", dtls::dtls_client),
    ("dtls_handshake_message", dtls::dtls_handshake_message),
    ("dtls_server", dtls::dtls_server),
    ("file", file::run),
    ("gather", gather::run),
    ("ice", ice::run),
    ("jsep", jsep::run),
    ("mdns", mdns::run),
    ("rtcp", rtcp::run),
    ("rtp", rtp::run),
    ("sctp_association", sctp::sctp_association),
    ("sctp_packet", sctp::sctp_packet),
    ("sdp", sdp::run),
    ("srtp", srtp::run),
    ("srtp_network", srtp::network),
    ("stun", stun::run),
    ("stun_stream", stun::stream),
    ("turn", turn::run),
];
