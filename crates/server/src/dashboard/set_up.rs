//! The first page of an account: a one-time link leads to it.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::assets;
use super::form::Form;
use super::page::{Mistakes, Refusal, page};
use super::session;
use crate::http::state::AppState;
use crate::store::account::{self, NewAccount, SetUpError};
use crate::store::credential::{self, Kind};
use crate::store::email::Email;
use crate::store::password::{MAX_BYTES, MIN_LENGTH};
use crate::store::secret::Secret;
use crate::store::store_error::StoreError;

#[derive(Template)]
#[template(path = "set-up.html")]
struct SetUpPage<'a> {
    link: &'a str,
    email: &'a str,
    company: &'a str,
    mistakes: Mistakes,
}

impl SetUpPage<'_> {
    const MIN_LENGTH: usize = MIN_LENGTH;
}

#[derive(Deserialize)]
pub(super) struct Link {
    link: String,
}

pub(super) async fn show(
    State(state): State<AppState>,
    query: Result<Query<Link>, QueryRejection>,
) -> Result<Response, Refusal> {
    let text = query.map_err(|_| Refusal::no_link())?.0.link;
    let link = Secret::parse(&text).ok_or_else(Refusal::no_link)?;
    let mut connection = state.database.acquire().await?;
    let known = credential::find(&mut connection, Kind::SetUp, &link, state.clock.now()).await?;
    known.ok_or_else(Refusal::no_link)?;
    let template = SetUpPage { link: &text, email: "", company: "", mistakes: Mistakes::default() };
    Ok(page(StatusCode::OK, &template))
}

/// The link is secret and works once, so the form needs no other token.
pub(super) async fn set_up(
    State(state): State<AppState>,
    jar: CookieJar,
    form: Form,
) -> Result<Response, Refusal> {
    let mistakes = match check(&form)? {
        Ok(new) => match account::set_up(&state.database, new, state.clock.now()).await {
            Ok(account) => return session::sign_in(&state, jar, account).await,
            Err(SetUpError::Database(error)) => return Err(error.into()),
            Err(SetUpError::Busy) => return Err(StoreError::Busy.into()),
            Err(SetUpError::Link) => return Err(Refusal::no_link()),
            Err(SetUpError::Email) => Mistakes::one("email", "There is an account with this email address."),
        },
        Err(mistakes) => mistakes,
    };
    let (link, email, company) = (form.text("link"), form.text("email").trim(), form.text("company"));
    Ok(page(StatusCode::BAD_REQUEST, &SetUpPage { link, email, company, mistakes }))
}

/// Returns the account that the form asks for, or what has to be corrected.
fn check(form: &Form) -> Result<Result<NewAccount, Mistakes>, Refusal> {
    let link = Secret::parse(form.text("link")).ok_or_else(Refusal::no_link)?;
    let mut mistakes = Mistakes::default();
    let email = Some(Email::new(form.text("email"))).filter(Email::is_plausible);
    let email = mistakes.expect(email, "email", "Enter an email address, such as ada@example.com.");
    let password = form.text("password");
    if password.chars().count() < MIN_LENGTH {
        mistakes.add("password", format!("Choose a password of at least {MIN_LENGTH} characters."));
    } else if password.len() > MAX_BYTES {
        mistakes.add("password", format!("Choose a password of at most {MAX_BYTES} bytes."));
    }
    let company = mistakes.name("company", "your company", form.text("company"));
    Ok(match (email, company) {
        (Some(email), Some(company)) if mistakes.is_empty() => {
            Ok(NewAccount { link, email, password: password.to_owned(), company })
        }
        _ => Err(mistakes),
    })
}
