//! The page, compiled into the program: it works without network and from any directory.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// Nothing is loaded from elsewhere, and nobody may frame a page that asks for the camera.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; media-src 'self' blob: mediastream:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) async fn index() -> Response {
    file("text/html; charset=utf-8", include_str!("page/index.html"))
}

pub(super) async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("page/style.css"))
}

pub(super) async fn app() -> Response {
    file("text/javascript; charset=utf-8", include_str!("page/app.js"))
}

pub(super) async fn file_transfer() -> Response {
    file("text/javascript; charset=utf-8", include_str!("page/file.js"))
}

pub(super) async fn sha256() -> Response {
    file("text/javascript; charset=utf-8", include_str!("page/sha256.js"))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    const fn value(text: &'static str) -> HeaderValue {
        HeaderValue::from_static(text)
    }
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, value(kind)),
        (header::CONTENT_SECURITY_POLICY, value(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, value("nosniff")),
        (header::REFERRER_POLICY, value("no-referrer")),
        // A new version of the program is a new page.
        (header::CACHE_CONTROL, value("no-cache")),
    ];
    (headers, text).into_response()
}
