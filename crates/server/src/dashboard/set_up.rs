//! The first page of an account: a one-time link leads to it.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use ctx_key::UnixTime;
use serde::Deserialize;

use super::assets;
use super::form::Form;
use super::page::{Mistakes, Refusal, page};
use super::session;
use crate::http::state::AppState;
use crate::management::name;
use crate::store::account::{self, LONGEST_PASSWORD, SHORTEST_PASSWORD, SetUpError};
use crate::store::credential::{self, Kind};

#[derive(Template)]
#[template(path = "set-up.html")]
struct SetUpPage<'a> {
    link: &'a str,
    email: &'a str,
    company: &'a str,
    mistakes: Mistakes,
}

impl SetUpPage<'_> {
    const SHORTEST: usize = SHORTEST_PASSWORD;
}

#[derive(Deserialize)]
pub(super) struct Link {
    link: String,
}

pub(super) async fn show(
    State(state): State<AppState>,
    query: Result<Query<Link>, QueryRejection>,
) -> Result<Response, Refusal> {
    let link = query.map_err(|_| Refusal::no_link())?.0.link;
    let mut connection = state.database.acquire().await?;
    let known = credential::find(&mut connection, Kind::SetUp, &link, UnixTime::now()).await?;
    known.ok_or_else(Refusal::no_link)?;
    let template = SetUpPage { link: &link, email: "", company: "", mistakes: Mistakes::default() };
    Ok(page(StatusCode::OK, &template))
}

/// The link is secret and good for once: no other token is needed.
pub(super) async fn set_up(
    State(state): State<AppState>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Refusal> {
    let (link, email) = (form.text("link"), form.text("email").trim());
    let (password, company) = (form.text("password"), form.text("company").trim());
    let mut mistakes = mistakes(email, password, company);
    if mistakes.is_empty() {
        let made = account::set_up(
            &state.database,
            link.to_owned(),
            email.to_owned(),
            password.to_owned(),
            company.to_owned(),
        );
        match made.await {
            Ok(account) => return session::sign_in(&state, &headers, account).await,
            Err(SetUpError::Database(error)) => return Err(error.into()),
            Err(SetUpError::Link) => return Err(Refusal::no_link()),
            Err(SetUpError::Email) => mistakes.add("email", "There is an account with this email address."),
        }
    }
    Ok(page(StatusCode::BAD_REQUEST, &SetUpPage { link, email, company, mistakes }))
}

fn mistakes(email: &str, password: &str, company: &str) -> Mistakes {
    let mut mistakes = Mistakes::default();
    if !is_address(email) {
        mistakes.add("email", "Enter an email address, such as ada@example.com.");
    }
    if password.chars().count() < SHORTEST_PASSWORD {
        mistakes.add("password", format!("Choose a password of at least {SHORTEST_PASSWORD} characters."));
    } else if password.len() > LONGEST_PASSWORD {
        mistakes.add("password", format!("Choose a password of at most {LONGEST_PASSWORD} bytes."));
    }
    if name(company).is_err() {
        mistakes.add("company", "Enter your company's name, of at most 100 characters.");
    }
    mistakes
}

/// Whether something could be an address; only a letter to it would tell.
fn is_address(email: &str) -> bool {
    let has_both = email.rsplit_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    let is_plain = !email.chars().any(|character| character.is_control() || character.is_whitespace());
    has_both && is_plain && email.len() <= 254
}
