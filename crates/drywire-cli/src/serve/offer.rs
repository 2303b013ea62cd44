use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::Response;
use drywire::sdp::SessionDescription;
use drywire_tokio::Handle;
use serde::Serialize;
use serde_json::Value;

use super::reply::{json, problem};
use crate::echo::{AnswerError, Echo};

#[derive(Serialize)]
struct Answer {
    r#type: &'static str,
    sdp: String,
}

/// `POST /offer`: `{"type":"offer","sdp":"…"}` becomes `{"type":"answer","sdp":"…"}`.
pub(super) async fn answer(
    State(handle): State<Handle<Echo>>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return problem(rejection.status(), rejection.body_text()),
    };
    let offer = match parse(&body) {
        Ok(offer) => offer,
        Err((status, message)) => return problem(status, message),
    };
    let answered = handle.call(move |now, endpoint, echo| echo.answer(now, endpoint, &offer)).await;
    match answered {
        Ok(Ok(answer)) => json(StatusCode::OK, &Answer { r#type: "answer", sdp: answer.to_string() }),
        Ok(Err(error @ AnswerError::Full(_))) => problem(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        Ok(Err(error)) => problem(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
        Err(stopped) => problem(StatusCode::SERVICE_UNAVAILABLE, stopped.to_string()),
    }
}

/// What the body says, or the status and the words that tell what is wrong with it.
fn parse(body: &[u8]) -> Result<SessionDescription, (StatusCode, String)> {
    const WANTED: &str = r#"wanted is {"type":"offer","sdp":"…"}"#;
    let bad = |message: String| (StatusCode::BAD_REQUEST, message);
    if body.is_empty() {
        return Err(bad(format!("the body is empty; {WANTED}")));
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| bad(format!("the body is not JSON ({error}); {WANTED}")))?;
    let Value::Object(object) = value else {
        return Err(bad(format!("the body is not a JSON object; {WANTED}")));
    };
    match object.get("type") {
        Some(Value::String(kind)) if kind == "offer" => {}
        Some(Value::String(kind)) => return Err(bad(format!("\"type\" is \"{kind}\"; {WANTED}"))),
        Some(_) => return Err(bad(format!("\"type\" is not a string; {WANTED}"))),
        None => return Err(bad(format!("\"type\" is missing; {WANTED}"))),
    }
    let text = match object.get("sdp") {
        Some(Value::String(text)) => text,
        Some(_) => return Err(bad(format!("\"sdp\" is not a string; {WANTED}"))),
        None => return Err(bad(format!("\"sdp\" is missing; {WANTED}"))),
    };
    SessionDescription::from_str(text)
        .map_err(|error| bad(format!("\"sdp\" is not a session description: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_body_is_said() {
        for (body, said) in [
            ("", "empty"),
            ("v=0", "not JSON"),
            ("{", "not JSON"),
            ("[]", "not a JSON object"),
            ("7", "not a JSON object"),
            ("{}", "\"type\" is missing"),
            (r#"{"type":1}"#, "\"type\" is not a string"),
            (r#"{"type":"answer","sdp":""}"#, "\"type\" is \"answer\""),
            (r#"{"type":"offer"}"#, "\"sdp\" is missing"),
            (r#"{"type":"offer","sdp":null}"#, "\"sdp\" is not a string"),
            (r#"{"type":"offer","sdp":""}"#, "not a session description"),
            (r#"{"type":"offer","sdp":"hello"}"#, "not a session description"),
        ] {
            let (status, message) = parse(body.as_bytes()).unwrap_err();
            assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
            assert!(message.contains(said), "{body}: {message}");
        }
        let (_, message) = parse(b"\xFF\xFE").unwrap_err();
        assert!(message.contains("not JSON"), "{message}");
    }

    #[test]
    fn an_offer_is_taken() {
        let body = r#"{"type":"offer","sdp":"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n","more":1}"#;
        assert!(parse(body.as_bytes()).is_ok());
    }
}
