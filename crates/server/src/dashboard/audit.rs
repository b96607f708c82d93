//! The audit log: who did what to which key.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::assets;
use super::frame::{Frame, Moment};
use super::page::{Refusal, page};
use super::session::SignedIn;
use crate::http::state::AppState;
use crate::store::audit_log;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    lines: Vec<Line>,
}

struct Line {
    at: Moment,
    actor: String,
    action: String,
    key: Option<String>,
    detail: String,
}

pub(super) async fn show(signed_in: SignedIn, State(state): State<AppState>) -> Result<Response, Refusal> {
    let mut connection = state.database.acquire().await?;
    let lines = audit_log::latest(&mut connection, &signed_in.account.company.id).await?;
    let now = state.clock.now();
    let lines = lines.into_iter().map(|line| Line {
        at: Moment::new(line.at, now),
        actor: line.actor,
        action: line.action,
        key: line.key,
        detail: line.detail,
    });
    let template = AuditPage { frame: Frame::new(&signed_in, "/audit"), lines: lines.collect() };
    Ok(page(StatusCode::OK, &template))
}
