//! The style sheet, the script and the icon. Their addresses in pages have a version, so browsers can cache them
//! forever.

use std::sync::LazyLock;

use axum::extract::RawQuery;
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

pub(super) async fn style(query: RawQuery, headers: HeaderMap) -> Response {
    serve(&query, &headers, "text/css; charset=utf-8", STYLE)
}

pub(super) async fn script(query: RawQuery, headers: HeaderMap) -> Response {
    serve(&query, &headers, "text/javascript; charset=utf-8", SCRIPT)
}

pub(super) async fn icon(query: RawQuery, headers: HeaderMap) -> Response {
    serve(&query, &headers, "image/svg+xml", ICON)
}

fn serve(
    RawQuery(query): &RawQuery,
    headers: &HeaderMap,
    kind: &'static str,
    content: &'static str,
) -> Response {
    let tag = format!("\"{}\"", version());
    // during an upgrade, an old process can be asked for the asset of a new one
    let is_this_version = query.as_deref().and_then(|query| query.strip_prefix("v=")) == Some(version());
    let caching = if is_this_version { "public, max-age=31536000, immutable" } else { "no-cache" };
    let is_known = headers.get_all(IF_NONE_MATCH).iter().any(|known| names(known, &tag));
    let kept = [(CACHE_CONTROL, caching), (ETAG, &tag)];
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
