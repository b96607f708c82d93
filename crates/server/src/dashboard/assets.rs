//! The style sheet, the script and the icon. Their addresses in pages have a version, so browsers can cache them
//! forever.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("../../assets/style.css");
const SCRIPT: &str = include_str!("../../assets/dashboard.js");
const ICON: &str = include_str!("../../assets/favicon.svg");

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::new().chain_update(STYLE).chain_update(SCRIPT).chain_update(ICON).finalize();
    hex::encode(&digest[..8])
});

/// Returns a version that changes with any asset.
pub(super) fn version() -> &'static str {
    &VERSION
}

pub(super) async fn style(headers: HeaderMap) -> Response {
    serve(&headers, "text/css; charset=utf-8", STYLE)
}

pub(super) async fn script(headers: HeaderMap) -> Response {
    serve(&headers, "text/javascript; charset=utf-8", SCRIPT)
}

pub(super) async fn icon(headers: HeaderMap) -> Response {
    serve(&headers, "image/svg+xml", ICON)
}

fn serve(headers: &HeaderMap, kind: &'static str, content: &'static str) -> Response {
    let tag = format!("\"{}\"", version());
    let is_known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let kept = [(CACHE_CONTROL, "public, max-age=31536000, immutable"), (ETAG, &tag)];
    if is_known {
        (StatusCode::NOT_MODIFIED, kept).into_response()
    } else {
        (kept, [(CONTENT_TYPE, kind)], content).into_response()
    }
}
