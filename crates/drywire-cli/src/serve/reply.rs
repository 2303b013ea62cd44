use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Pages of other origins may use this server: it knows no user and keeps nothing.
const ANY_ORIGIN: (HeaderName, HeaderValue) =
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
const NOT_STORED: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// `value` as JSON, readable from every origin.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => {
            let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            (status, [kind, ANY_ORIGIN, NOT_STORED], body).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a reply is not expressible in JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// `{"error": "…"}`, for people and programs.
pub(super) fn problem(status: StatusCode, error: impl Into<String>) -> Response {
    #[derive(Serialize)]
    struct Problem {
        error: String,
    }
    json(status, &Problem { error: error.into() })
}

/// The answer to a browser that asks whether a page of another origin may use this (CORS).
pub(super) async fn preflight() -> Response {
    let headers = [
        ANY_ORIGIN,
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS")),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type")),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400")),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
