use std::time::Duration;

use drywire::sdp::SessionDescription;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest answer taken.
const MAX_ANSWER: u64 = 1024 * 1024;

#[derive(Debug, Error)]
pub(crate) enum SignallingError {
    #[error("{url} cannot be reached: {error}. Is the server running, and is the address right?")]
    Unreachable { url: String, error: ureq::Error },
    #[error("{url} did not send its answer: {error}")]
    Interrupted { url: String, error: ureq::Error },
    #[error("{url} refused the offer with status {status}: {body}")]
    Refused { url: String, status: u16, body: String },
    #[error("{url} did not answer with {{\"type\":\"answer\",\"sdp\":\"…\"}}: {reason}")]
    NoAnswer { url: String, reason: String },
}

#[derive(Serialize)]
struct Offer<'a> {
    r#type: &'static str,
    sdp: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    r#type: String,
    sdp: String,
}

/// Posts an offer and waits for the answer. Blocks.
pub(crate) fn post(url: &str, sdp: &str, limit: Duration) -> Result<SessionDescription, SignallingError> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(limit))
        .http_status_as_error(false)
        .build()
        .new_agent();
    let url = url.to_owned();
    let mut response = match agent.post(&url).send_json(Offer { r#type: "offer", sdp }) {
        Ok(response) => response,
        Err(error) => return Err(SignallingError::Unreachable { url, error }),
    };
    let status = response.status();
    let body = match response.body_mut().with_config().limit(MAX_ANSWER).read_to_string() {
        Ok(body) => body,
        Err(error) => return Err(SignallingError::Interrupted { url, error }),
    };
    if !status.is_success() {
        let body = body.trim().chars().take(500).collect();
        return Err(SignallingError::Refused { url, status: status.as_u16(), body });
    }
    parse(&body).map_err(|reason| SignallingError::NoAnswer { url, reason })
}

fn parse(body: &str) -> Result<SessionDescription, String> {
    let answer: Answer = serde_json::from_str(body).map_err(|error| error.to_string())?;
    if answer.r#type != "answer" {
        return Err(format!("its type is \"{}\"", answer.r#type));
    }
    answer.sdp.parse().map_err(|error| format!("its sdp cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_and_anything_else_is_explained() {
        assert!(
            parse(r#"{"type":"answer","sdp":"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"}"#).is_ok()
        );
        for (body, said) in [
            ("", "EOF"),
            ("<html>", "expected value"),
            (r#"{"type":"answer"}"#, "sdp"),
            (r#"{"type":"offer","sdp":""}"#, "type is \"offer\""),
            (r#"{"type":"answer","sdp":"x"}"#, "cannot be read"),
        ] {
            let reason = parse(body).unwrap_err();
            assert!(reason.contains(said), "{body}: {reason}");
        }
    }
}
