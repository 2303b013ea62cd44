//! `GET /metrics` in the text format of Prometheus.

use std::fmt::Write as _;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use drywire_tokio::turn::{Handle, Stats};

pub(super) fn router(handle: Handle) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(handle)
}

async fn metrics(State(handle): State<Handle>) -> Response {
    match handle.stats().await {
        Ok(stats) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text(&stats)).into_response(),
        Err(stopped) => (StatusCode::SERVICE_UNAVAILABLE, stopped.to_string()).into_response(),
    }
}

fn text(stats: &Stats) -> String {
    let mut page = Page(String::new());
    let machine = &stats.machine;
    page.gauge("allocations", "Allocations that there are now.", count(stats.allocations));
    page.gauge("connections", "Connections of TCP and TLS that there are now.", count(stats.connections));
    page.gauge(
        "peer_connections",
        "TCP connections to peers that there are now.",
        count(stats.peer_connections),
    );
    page.gauge("draining", "1 when no more allocations are made.", u64::from(stats.draining));
    page.counter("allocations_made_total", "Allocations that were made.", &[("", machine.allocations)]);
    page.counter("bindings_total", "Binding requests that were answered.", &[("", machine.bindings)]);
    page.counter(
        "relayed_datagrams_total",
        "Datagrams that were relayed.",
        &[
            ("direction=\"to_peer\"", machine.datagrams_to_peers),
            ("direction=\"to_client\"", machine.datagrams_to_clients),
        ],
    );
    page.counter(
        "relayed_bytes_total",
        "Their payload in bytes.",
        &[
            ("direction=\"to_peer\"", machine.bytes_to_peers),
            ("direction=\"to_client\"", machine.bytes_to_clients),
        ],
    );
    page.counter(
        "peer_connections_bound_total",
        "TCP connections between clients and peers that were carried.",
        &[("", machine.connections_bound)],
    );
    page.counter(
        "peer_connections_refused_total",
        "TCP connections to peers that were refused because there were too many.",
        &[("", stats.peer_connections_refused)],
    );
    page.counter(
        "relayed_stream_bytes_total",
        "Bytes of TCP connections between clients and peers.",
        &[
            ("direction=\"to_peer\"", machine.stream_bytes_to_peers),
            ("direction=\"to_client\"", machine.stream_bytes_to_clients),
        ],
    );
    page.counter(
        "icmp_forwarded_total",
        "ICMP errors that clients were told of.",
        &[("", machine.icmp_forwarded)],
    );
    let errors: Vec<_> =
        machine.errors.iter().map(|(code, count)| (format!("code=\"{code}\""), *count)).collect();
    let errors: Vec<_> = errors.iter().map(|(code, count)| (&**code, *count)).collect();
    page.counter("refused_total", "Requests that were refused, by the error code.", &errors);
    page.counter(
        "dropped_total",
        "What was dropped, by the reason.",
        &[
            ("reason=\"malformed\"", machine.malformed),
            ("reason=\"unexpected\"", machine.unexpected),
            ("reason=\"not_permitted\"", machine.not_permitted),
            ("reason=\"over_bandwidth\"", machine.over_bandwidth),
            ("reason=\"unproven_source\"", machine.limited),
            ("reason=\"queue_full\"", machine.queue_full),
            ("reason=\"socket_full\"", stats.unsent),
        ],
    );
    page.counter(
        "connections_closed_total",
        "Connections that were closed by the server, by the reason.",
        &[("reason=\"too_many\"", stats.connections_refused), ("reason=\"idle\"", stats.connections_idle)],
    );
    page.counter(
        "relay_sockets_failed_total",
        "Relayed addresses that could not be opened.",
        &[("", stats.relays_failed)],
    );
    page.0
}

struct Page(String);

impl Page {
    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, help, "gauge", &[("", value)]);
    }

    fn counter(&mut self, name: &str, help: &str, values: &[(&str, u64)]) {
        self.family(name, help, "counter", values);
    }

    fn family(&mut self, name: &str, help: &str, kind: &str, values: &[(&str, u64)]) {
        // A string takes everything.
        let _ = writeln!(self.0, "# HELP drywire_turn_{name} {help}\n# TYPE drywire_turn_{name} {kind}");
        for (labels, value) in values {
            let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
            let _ = writeln!(self.0, "drywire_turn_{name}{labels} {value}");
        }
    }
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_comment_or_a_sample() {
        let text = text(&Stats::default());
        for line in text.lines() {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with("drywire_turn_") && value == "0" || line.starts_with("# "), "{line}");
        }
        assert!(text.contains("\ndrywire_turn_relayed_datagrams_total{direction=\"to_peer\"} 0\n"));
        assert!(text.ends_with('\n'));
    }
}
