use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use drywire::{Endpoint, Instant, PeerId};
use drywire_tokio::Handle;
use serde::Serialize;

use super::reply::{json, problem};
use crate::echo::{Echo, Session};
use crate::milliseconds;

/// What `GET /stats` tells. No addresses: whoever may see the page may see this.
#[derive(Serialize)]
struct Sessions {
    /// How many there were since the start of the program.
    total: u64,
    /// Names of browsers' candidates whose addresses were found.
    names_resolved: u64,
    /// Those open now, the oldest first.
    sessions: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    number: u64,
    /// The ICE user name fragment of the server's side, by which a browser finds its own session.
    ufrag: String,
    seconds: f64,
    connection_state: String,
    setup_ms: Option<f64>,
    dtls_version: Option<String>,
    cipher_suite: Option<String>,
    group: Option<String>,
    srtp_profile: Option<String>,
    /// Datagrams of DTLS inside STUN.
    dtls_in_stun_received: u64,
    dtls_in_stun_sent: u64,
    /// Chunks of SCTP's handshake that were sent.
    sctp_handshake_chunks: u64,
    rtt_ms: Option<f64>,
    bytes_received: u64,
    bytes_sent: u64,
    channels: usize,
    messages_echoed: u64,
    message_bytes_echoed: u64,
    packets_echoed: u64,
    /// RTP packets whose header was encrypted with Cryptex.
    cryptex_received: u64,
    cryptex_sent: u64,
    keyframes_requested: u64,
}

/// `GET /stats`: the sessions as JSON.
pub(super) async fn list(State(handle): State<Handle<Echo>>) -> Response {
    let sessions = handle.call(|now, endpoint, echo| {
        let mut sessions: Vec<Entry> =
            echo.sessions().filter_map(|(id, session)| Entry::new(now, endpoint, id, session)).collect();
        sessions.sort_by_key(|entry| entry.number);
        Sessions { total: echo.total(), names_resolved: endpoint.stats().names_resolved, sessions }
    });
    match sessions.await {
        Ok(sessions) => json(StatusCode::OK, &sessions),
        Err(stopped) => problem(StatusCode::SERVICE_UNAVAILABLE, stopped.to_string()),
    }
}

impl Entry {
    fn new(now: Instant, endpoint: &Endpoint, id: PeerId, session: &Session) -> Option<Self> {
        let stats = endpoint.peer(id)?.stats();
        let dtls = stats.dtls.as_ref();
        let since_start = |at: Instant| at.saturating_duration_since(session.started);
        Some(Self {
            number: session.number,
            ufrag: session.ufrag.clone(),
            seconds: since_start(now).as_secs_f64(),
            connection_state: stats.state.to_string(),
            setup_ms: session.connected.map(|at| milliseconds(since_start(at))),
            dtls_version: dtls.map(|info| info.version.to_string()),
            cipher_suite: dtls.map(|info| info.cipher_suite.to_string()),
            group: dtls.map(|info| info.group.to_string()),
            srtp_profile: dtls.and_then(|info| info.srtp_profile).map(|profile| profile.to_string()),
            dtls_in_stun_received: stats.transport.dtls_in_stun_received,
            sctp_handshake_chunks: stats.sctp.handshake_chunks_sent,
            dtls_in_stun_sent: stats.transport.dtls_in_stun_sent,
            rtt_ms: stats.round_trip_time.map(milliseconds),
            bytes_received: stats.transport.bytes_received,
            bytes_sent: stats.transport.bytes_sent,
            channels: session.open_channels(),
            messages_echoed: session.messages_echoed,
            message_bytes_echoed: session.bytes_echoed,
            packets_echoed: session.packets_echoed,
            cryptex_received: stats.transport.cryptex_packets_received,
            cryptex_sent: stats.transport.cryptex_packets_sent,
            keyframes_requested: session.keyframes_requested,
        })
    }
}
