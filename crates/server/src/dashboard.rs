//! The dashboard, whose pages are for people who sign in.

mod assets;
mod audit;
mod audit_query;
mod change;
mod change_password;
mod create;
mod create_token;
mod destination;
mod done;
mod draft;
mod expiry_choice;
mod form;
mod frame;
mod key_page;
mod keys;
mod list_query;
mod new_key;
mod page;
mod pager;
mod project_change;
mod project_list;
mod scope_choice;
mod sent_form;
mod session;
mod sessions;
mod set_up;
mod sign_in;
mod token_list;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_FRAME_OPTIONS,
};
use axum::middleware::{self, Next};
use axum::response::{Redirect, Response};
use axum::routing::{get, post};

use crate::http::last_use;
use crate::http::limits::end_all;
use crate::http::state::AppState;
use page::Refusal;

/// The content security policy. It allows only files of this server, and no script or style within a page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'",
);

pub fn routes(state: AppState) -> Router<AppState> {
    let pages = Router::new()
        .route("/", get(async || Redirect::to("/keys")))
        .route("/set-up", get(set_up::show).post(set_up::set_up))
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/keys", get(keys::list).post(create::create))
        .route("/keys/new", get(create::show))
        .route("/keys/{id}", get(key_page::show).post(key_page::change))
        .route("/keys/{id}/rotate", get(change::ask_rotate).post(change::rotate))
        .route("/keys/{id}/revoke", get(change::ask_revoke).post(change::revoke))
        .route("/keys/{id}/delete", get(change::ask_delete).post(change::delete))
        .route("/projects", get(project_list::list).post(project_change::create))
        .route("/projects/new", get(project_change::ask_create))
        .route("/projects/{id}/rename", get(project_change::ask_rename).post(project_change::rename))
        .route("/projects/{id}/archive", get(project_change::ask_archive).post(project_change::archive))
        .route("/account/password", get(change_password::show).post(change_password::change))
        .route("/account/sessions", get(sessions::show))
        .route("/account/sessions/end", post(sessions::end_others))
        .route("/account/sessions/{handle}/end", post(sessions::end))
        .route("/tokens", get(token_list::list).post(create_token::create))
        .route("/tokens/new", get(create_token::show))
        .route("/tokens/{id}/end", get(token_list::ask_end).post(token_list::end))
        .route("/audit", get(audit::show))
        .route("/assets/style.css", get(assets::style))
        .route("/assets/dashboard.js", get(assets::script))
        .route("/assets/favicon.svg", get(assets::icon))
        .fallback(async || Refusal::no_page())
        .method_not_allowed_fallback(async || Refusal::method_not_allowed())
        .layer(DefaultBodyLimit::max(form::MAX_BYTES));
    end_all(pages, Refusal::timeout, Refusal::internal)
        .layer(middleware::from_fn_with_state(state.clone(), last_use::record))
        .layer(middleware::from_fn_with_state(state, protect))
}

async fn protect(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    harden(response.headers_mut(), state.is_secure);
    response
}

fn harden(headers: &mut HeaderMap, is_secure: bool) {
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    // the address of the set-up page contains a secret, which must not become a referrer
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if is_secure {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}
