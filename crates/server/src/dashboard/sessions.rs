//! The page with the browsers and programs that are signed in to the account. It can end their sessions.

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use ctx_key::UnixTime;

use super::assets;
use super::done::Done;
use super::form::Form;
use super::frame::{Frame, Moment};
use super::list_query::page_number;
use super::page::{Refusal, page};
use super::pager::Pager;
use super::session::SignedIn;
use crate::http::state::AppState;
use crate::store::session_list::{self, Handle, Session};

const ADDRESS: &str = "/account/sessions";

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    frame: Frame,
    rows: Vec<Row>,
    has_others: bool,
    pager: Pager,
    done: Option<String>,
}

/// A session in words.
struct Row {
    handle: Handle,
    agent: Option<String>,
    kind: &'static str,
    is_current: bool,
    address: Option<String>,
    created: Option<Moment>,
    last_used: Option<Moment>,
    ends: Moment,
}

impl Row {
    fn new(session: &Session, now: UnixTime) -> Self {
        Self {
            handle: session.handle.clone(),
            agent: session.agent.clone(),
            kind: if session.is_program { "Program" } else { "Browser" },
            is_current: session.is_current,
            address: session.address.clone(),
            created: session.created_at.map(|at| Moment::new(at, now)),
            last_used: session.last_used_at.map(|at| Moment::new(at, now)),
            ends: Moment::new(session.expires_at, now),
        }
    }
}

pub(super) async fn show(
    signed_in: SignedIn,
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    jar: CookieJar,
) -> Result<Response, Refusal> {
    let now = state.clock.now();
    let mut connection = state.database.acquire().await?;
    let sessions =
        session_list::list(&mut connection, &signed_in.account.id, &signed_in.session, now).await?;
    let number = page_number(query.as_deref().unwrap_or_default());
    let pager = Pager::new(number, sessions.len(), |page| format!("{ADDRESS}?page={page}"));
    let rows = sessions[pager.rows()].iter().map(|session| Row::new(session, now)).collect();
    let (jar, done) = Done::take(&state, jar);
    let has_others = sessions.iter().any(|session| !session.is_current);
    let template = SessionsPage { frame: Frame::new(&signed_in, ADDRESS), rows, has_others, pager, done };
    Ok((jar, page(StatusCode::OK, &template)).into_response())
}

pub(super) async fn end(
    signed_in: SignedIn,
    State(state): State<AppState>,
    handle: Result<Path<String>, PathRejection>,
    form: Form,
) -> Result<Response, Refusal> {
    form.check_token(&signed_in.session)?;
    let handle = handle.ok().and_then(|Path(text)| Handle::parse(&text)).ok_or_else(Refusal::no_page)?;
    let act = signed_in.act(state.clock.now());
    let mut transaction = state.database.begin().await?;
    session_list::end(&mut transaction, act, &signed_in.account.id, &handle).await?;
    transaction.commit().await?;
    if handle.is_of(&signed_in.session) {
        return Ok(Redirect::to("/sign-in").into_response());
    }
    Ok(Done::EndedSession.redirect(&state, "", ADDRESS))
}

pub(super) async fn end_others(
    signed_in: SignedIn,
    State(state): State<AppState>,
    form: Form,
) -> Result<Response, Refusal> {
    form.check_token(&signed_in.session)?;
    let act = signed_in.act(state.clock.now());
    let mut transaction = state.database.begin().await?;
    session_list::end_others(&mut transaction, act, &signed_in.account.id, &signed_in.session).await?;
    transaction.commit().await?;
    Ok(Done::EndedOthers.redirect(&state, "", ADDRESS))
}
