use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use drywire::{Endpoint, Instant, PeerId};
use drywire_tokio::Handle;
use serde::Serialize;

use super::reply::{json, problem};
use crate::echo::{Echo, Session};

/// What `GET /stats` tells. No addresses: whoever may see the page may see this.
#[derive(Serialize)]
struct Sessions {
    /// How many there were since the start of the program.
    total: u64,
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
    rtt_ms: Option<f64>,
    bytes_received: u64,
    bytes_sent: u64,
    channels: usize,
    messages_echoed: u64,
    message_bytes_echoed: u64,
    packets_echoed: u64,
    keyframes_requested: u64,
}

/// `GET /stats`: the sessions as JSON.
pub(super) async fn list(State(handle): State<Handle<Echo>>) -> Response {
    let sessions = handle.call(|now, endpoint, echo| {
        let mut sessions: Vec<Entry> =
            echo.sessions().filter_map(|(id, session)| Entry::new(now, endpoint, id, session)).collect();
        sessions.sort_by_key(|entry| entry.number);
        Sessions { total: echo.total(), sessions }
    });
    match sessions.await {
        Ok(sessions) => json(StatusCode::OK, &sessions),
        Err(stopped) => problem(StatusCode::SERVICE_UNAVAILABLE, stopped.to_string()),
    }
}

impl Entry {
    fn new(now: Instant, endpoint: &Endpoint, id: PeerId, session: &Session) -> Option<Self> {
        let peer = endpoint.peer(id)?;
        let elapsed = now.saturating_duration_since(session.started);
        let _stats = peer.stats();
        Some(Self {
            number: session.number,
            ufrag: session.ufrag.clone(),
            seconds: elapsed.as_secs_f64(),
            connection_state: format!("{:?}", peer.connection_state()),
            setup_ms: session.connected.map(|at| 1e3 * at.saturating_duration_since(session.started).as_secs_f64()),
            dtls_version: None, cipher_suite: None, group: None, srtp_profile: None, rtt_ms: None, bytes_received: 0, bytes_sent: 0,
            channels: session.open_channels(),
            messages_echoed: session.messages_echoed,
            message_bytes_echoed: session.bytes_echoed,
            packets_echoed: session.packets_echoed,
            keyframes_requested: session.keyframes_requested,
        })
    }
}
