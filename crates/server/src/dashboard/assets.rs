//! The style sheet, the script and the icon. Their addresses in pages have a version, so browsers can cache them
//! forever.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
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
    let is_known = headers.get_all(IF_NONE_MATCH).iter().any(|known| names(known, &tag));
    let kept = [(CACHE_CONTROL, "public, max-age=31536000, immutable"), (ETAG, &tag)];
    if is_known {
        (StatusCode::NOT_MODIFIED, kept).into_response()
    } else {
        (kept, [(CONTENT_TYPE, kind)], content).into_response()
    }
}

/// Returns whether a line of `If-None-Match` names the tag. Weak tags count, too (RFC 9110 §13.1.2): a proxy that compresses
/// an answer makes its tag weak.
fn names(line: &HeaderValue, tag: &str) -> bool {
    let is_named = |known: &str| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag;
    line.to_str().is_ok_and(|line| line.split(',').any(|known| is_named(known.trim())))
}
