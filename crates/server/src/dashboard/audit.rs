//! The page of the audit log.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use ctx_key::UnixTime;

use super::assets;
use super::audit_query::{AuditQuery, GROUPS};
use super::frame::{Frame, Moment};
use super::page::{Refusal, page};
use super::pager::{PAGE_LENGTH, Pager};
use super::session::SignedIn;
use crate::http::state::AppState;
use crate::store::audit_log::{self, LogFilter, LogLine};

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    query: AuditQuery,
    lines: Vec<ShownLine>,
    pager: Pager,
}

impl AuditPage {
    fn is_filtered(&self) -> bool {
        self.query.filter() != LogFilter::default()
    }
}

/// A line of the audit log in words.
pub(super) struct ShownLine {
    pub(super) at: Moment,
    pub(super) actor: String,
    pub(super) action: String,
    pub(super) key: Option<String>,
    /// True if the key still exists.
    pub(super) has_key: bool,
    pub(super) detail: String,
    pub(super) address: Option<String>,
}

impl ShownLine {
    pub(super) fn new(line: LogLine, has_key: bool, now: UnixTime) -> Self {
        Self {
            at: Moment::new(line.at, now),
            actor: line.actor,
            action: line.action,
            key: line.key,
            has_key,
            detail: line.detail,
            address: line.address,
        }
    }
}

pub(super) async fn show(
    signed_in: SignedIn,
    State(state): State<AppState>,
    query: AuditQuery,
) -> Result<Response, Refusal> {
    if query.has_key {
        // a redirect, so that the address with the key does not stay in the browser's history
        return Ok(Redirect::to(&query.address()).into_response());
    }
    let (company, filter) = (&signed_in.account.company.id, query.filter());
    let mut connection = state.database.acquire().await?;
    let total = audit_log::count(&mut connection, company, &filter).await?;
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    let pager = Pager::new(query.page, total, |page| query.with_page(page).address());
    let [limit, offset] =
        [PAGE_LENGTH, pager.rows().start].map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    let lines = audit_log::page(&mut connection, company, &filter, limit, offset).await?;
    let now = state.clock.now();
    let lines = lines.into_iter().map(|(line, has_key)| ShownLine::new(line, has_key, now)).collect();
    Ok(page(StatusCode::OK, &AuditPage { frame: Frame::new(&signed_in, "/audit"), query, lines, pager }))
}
