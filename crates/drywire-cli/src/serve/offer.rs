use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::Response;
use drywire::sdp::SessionDescription;
use drywire_tokio::{Handle, Stopped};
use serde::Serialize;
use serde_json::{Map, Value};

use super::reply::{json, problem};
use crate::echo::{AnswerError, Echo, Token};

#[derive(Serialize)]
struct Description {
    r#type: &'static str,
    sdp: String,
    /// Names the session in further requests.
    session: String,
}

type Body = Result<Bytes, BytesRejection>;
type Refusal = (StatusCode, String);

/// `POST /offer`: `{"type":"offer","sdp":"…"}` becomes `{"type":"answer","sdp":"…","session":"…"}`. With the `session` of an
/// earlier answer it is another offer of that session: an ICE restart, for one.
pub(super) async fn offer(State(handle): State<Handle<Echo>>, body: Body) -> Response {
    let (offer, token) = match read(body).and_then(|object| Ok((sdp(&object, "offer")?, session(&object)?))) {
        Ok(read) => read,
        Err((status, message)) => return problem(status, message),
    };
    let answered = handle.call(move |now, endpoint, echo| match token {
        None => echo.answer(now, endpoint, &offer),
        Some(token) => echo.renegotiate(now, endpoint, &token, &offer).map(|answer| (token, answer)),
    });
    reply(answered.await, "answer")
}

/// `POST /restart`: `{"session":"…"}` begins an ICE restart; what comes back is an offer, for whose answer `POST /answer` waits.
pub(super) async fn restart(State(handle): State<Handle<Echo>>, body: Body) -> Response {
    let token = match read(body).and_then(|object| required_session(&object)) {
        Ok(token) => token,
        Err((status, message)) => return problem(status, message),
    };
    let restarted = handle
        .call(move |now, endpoint, echo| echo.restart(now, endpoint, &token).map(|offer| (token, offer)));
    reply(restarted.await, "offer")
}

/// `POST /answer`: `{"type":"answer","sdp":"…","session":"…"}`.
pub(super) async fn answer(State(handle): State<Handle<Echo>>, body: Body) -> Response {
    let read = read(body).and_then(|object| Ok((sdp(&object, "answer")?, required_session(&object)?)));
    let (answer, token) = match read {
        Ok(read) => read,
        Err((status, message)) => return problem(status, message),
    };
    let accepted = handle.call(move |now, endpoint, echo| echo.accept(now, endpoint, &token, &answer));
    match accepted.await {
        Ok(Ok(())) => json(StatusCode::OK, &serde_json::json!({})),
        Ok(Err(error)) => refuse(&error),
        Err(stopped) => problem(StatusCode::SERVICE_UNAVAILABLE, stopped.to_string()),
    }
}

fn reply(
    result: Result<Result<(Token, SessionDescription), AnswerError>, Stopped>,
    kind: &'static str,
) -> Response {
    match result {
        Ok(Ok((token, description))) => {
            let session = token.as_str().to_owned();
            json(StatusCode::OK, &Description { r#type: kind, sdp: description.to_string(), session })
        }
        Ok(Err(error)) => refuse(&error),
        Err(stopped) => problem(StatusCode::SERVICE_UNAVAILABLE, stopped.to_string()),
    }
}

fn refuse(error: &AnswerError) -> Response {
    let status = match error {
        AnswerError::Full(_) | AnswerError::Random(_) => StatusCode::SERVICE_UNAVAILABLE,
        AnswerError::NoSession => StatusCode::NOT_FOUND,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    problem(status, error.to_string())
}

const WANTED: &str = r#"wanted is {"type":"offer","sdp":"…"}"#;

fn bad(message: String) -> Refusal {
    (StatusCode::BAD_REQUEST, message)
}

/// The JSON object that the body is, or the status and the words that tell what is wrong with it.
fn read(body: Body) -> Result<Map<String, Value>, Refusal> {
    let body = body.map_err(|rejection| (rejection.status(), rejection.body_text()))?;
    if body.is_empty() {
        return Err(bad(format!("the body is empty; {WANTED}")));
    }
    let value: Value = serde_json::from_slice(&body)
        .map_err(|error| bad(format!("the body is not JSON ({error}); {WANTED}")))?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(bad(format!("the body is not a JSON object; {WANTED}"))),
    }
}

/// The description, which must be of this kind.
fn sdp(object: &Map<String, Value>, wanted: &str) -> Result<SessionDescription, Refusal> {
    let wanted_body = WANTED.replace("offer", wanted);
    match object.get("type") {
        Some(Value::String(kind)) if kind == wanted => {}
        Some(Value::String(kind)) => return Err(bad(format!("\"type\" is \"{kind}\"; {wanted_body}"))),
        Some(_) => return Err(bad(format!("\"type\" is not a string; {wanted_body}"))),
        None => return Err(bad(format!("\"type\" is missing; {wanted_body}"))),
    }
    let text = match object.get("sdp") {
        Some(Value::String(text)) => text,
        Some(_) => return Err(bad(format!("\"sdp\" is not a string; {wanted_body}"))),
        None => return Err(bad(format!("\"sdp\" is missing; {wanted_body}"))),
    };
    SessionDescription::from_str(text)
        .map_err(|error| bad(format!("\"sdp\" is not a session description: {error}")))
}

fn session(object: &Map<String, Value>) -> Result<Option<Token>, Refusal> {
    match object.get("session") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(Token::from(text.as_str()))),
        Some(_) => Err(bad("\"session\" is not a string".to_owned())),
    }
}

fn required_session(object: &Map<String, Value>) -> Result<Token, Refusal> {
    session(object)?.ok_or_else(|| bad("\"session\" is missing: the one of the first answer".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &'static [u8]) -> Result<SessionDescription, Refusal> {
        sdp(&read(Ok(Bytes::from_static(body)))?, "offer")
    }

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

    #[test]
    fn sessions_are_named_by_strings() {
        let object = |body: &'static str| read(Ok(Bytes::from_static(body.as_bytes()))).unwrap();
        assert_eq!(session(&object("{}")).unwrap(), None);
        assert_eq!(required_session(&object(r#"{"session":"a"}"#)).unwrap(), Token::from("a"));
        let (status, message) = required_session(&object("{}")).unwrap_err();
        assert!(status == StatusCode::BAD_REQUEST && message.contains("missing"), "{message}");
        assert!(session(&object(r#"{"session":7}"#)).unwrap_err().1.contains("not a string"));
    }
}
