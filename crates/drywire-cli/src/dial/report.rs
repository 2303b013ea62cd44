use drywire::ice::{Candidate, CandidateKind, CandidatePairInfo};
use serde::Serialize;

/// What became of a call: the one line of JSON that `drywire dial` prints.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// `ok` or `failed`.
    pub(crate) result: Outcome,
    /// What went wrong, in words.
    pub(crate) error: Option<String>,
    pub(crate) url: String,
    pub(crate) timings_ms: Timings,
    pub(crate) dtls_version: Option<String>,
    pub(crate) cipher_suite: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) srtp_profile: Option<String>,
    pub(crate) selected_pair: Option<Pair>,
    pub(crate) rtt_ms: Option<f64>,
    /// Messages that came back as they were sent, of how many.
    pub(crate) messages_echoed: usize,
    pub(crate) messages: usize,
    pub(crate) bytes_echoed: usize,
    /// Packets of audio that came back as they were sent, of how many; 0 of 0 when the server takes no audio.
    pub(crate) packets_echoed: usize,
    pub(crate) packets: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Ok,
    #[default]
    Failed,
}

/// Since the start of the program, in milliseconds; what was not reached is null.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Timings {
    pub(crate) offered: Option<f64>,
    pub(crate) answered: Option<f64>,
    pub(crate) connected: Option<f64>,
    pub(crate) opened: Option<f64>,
    pub(crate) echoed: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Pair {
    /// `udp` or `tcp`; of a relay, what it speaks with the peer.
    pub(crate) protocol: String,
    pub(crate) local: String,
    /// The type of the candidate: `host`, `srflx`, `prflx` or `relay` (RFC 8839, section 5.1).
    pub(crate) local_type: &'static str,
    pub(crate) remote: String,
    pub(crate) remote_type: &'static str,
}

impl Pair {
    pub(crate) fn new(pair: &CandidatePairInfo) -> Self {
        Self {
            protocol: pair.path.protocol.to_string(),
            local: pair.path.local.to_string(),
            local_type: type_of(&pair.local),
            remote: pair.path.remote.to_string(),
            remote_type: type_of(&pair.remote),
        }
    }
}

const fn type_of(candidate: &Candidate) -> &'static str {
    match candidate.kind {
        CandidateKind::Host => "host",
        CandidateKind::ServerReflexive => "srflx",
        CandidateKind::PeerReflexive => "prflx",
        CandidateKind::Relayed => "relay",
    }
}

impl Report {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), ..Self::default() }
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.result == Outcome::Ok
    }

    pub(crate) fn to_json(&self) -> String {
        // Strings and numbers only: that cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::milliseconds;

    #[test]
    fn a_report_is_one_line_of_json() {
        let mut report = Report::new("http://127.0.0.1:1/offer");
        report.error = Some("two\nlines".to_owned());
        report.timings_ms.offered = Some(milliseconds(Duration::from_micros(1_500)));
        let json = report.to_json();
        assert!(!json.contains('\n'), "{json}");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["result"], "failed");
        assert_eq!(value["timings_ms"]["offered"], 1.5);
        assert_eq!(value["timings_ms"]["connected"], serde_json::Value::Null);
    }
}
