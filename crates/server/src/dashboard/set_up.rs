//! The page that creates an account. A one-time link leads to it.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::assets;
use super::destination::Destination;
use super::form::Form;
use super::page::{Mistakes, Refusal, page, sentence, without_key};
use super::session;
use crate::http::state::AppState;
use crate::store::account::{self, NewAccount, NewAccountError};
use crate::store::client::Client;
use crate::store::email::Email;
use crate::store::name::Name;
use crate::store::new_password::{MIN_LENGTH, NewPassword};
use crate::store::secret::Secret;
use crate::store::set_up_link;
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
    if !set_up_link::is_valid(&mut connection, &link, state.clock.now()).await? {
        return Err(Refusal::no_link());
    }
    let template = SetUpPage { link: &text, email: "", company: "", mistakes: Mistakes::default() };
    Ok(page(StatusCode::OK, &template))
}

/// Creates the account. The link is secret and works once, so the form needs no other token.
pub(super) async fn set_up(
    State(state): State<AppState>,
    client: Client,
    jar: CookieJar,
    form: Form,
) -> Result<Response, Refusal> {
    let link = Secret::parse(form.text("link")).ok_or_else(Refusal::no_link)?;
    let mistakes = match check(&form) {
        Ok(new) => {
            match account::set_up(&state.database, &link, new, state.clock.now(), client.address).await {
                Ok(account) => {
                    let mut transaction = state.database.begin().await?;
                    let jar = session::begin(&mut transaction, &state, jar, &account.id, &client).await?;
                    transaction.commit().await?;
                    return Ok(session::welcome(&state, jar, &account.id, &Destination::default()));
                }
                Err(NewAccountError::Database(error)) => return Err(error.into()),
                Err(NewAccountError::Busy) => return Err(StoreError::Busy.into()),
                Err(NewAccountError::Link) => return Err(Refusal::no_link()),
                Err(error @ NewAccountError::Email) => Mistakes::one("email", sentence(&error.to_string())),
                Err(error @ NewAccountError::Company) => {
                    Mistakes::one("company", sentence(&error.to_string()))
                }
            }
        }
        Err(mistakes) => mistakes,
    };
    let [link, email, company] =
        ["link", "email", "company"].map(|field| without_key(form.text(field).trim()));
    Ok(page(StatusCode::BAD_REQUEST, &SetUpPage { link, email, company, mistakes }))
}

/// Returns the account that the form asks for, or its mistakes.
fn check(form: &Form) -> Result<NewAccount, Mistakes> {
    let mut mistakes = Mistakes::default();
    let email = Some(Email::new(form.text("email"))).filter(Email::is_plausible);
    let email = mistakes.expect(email, "email", "Enter an email address, such as ada@example.com.");
    let company = Name::parse(form.text("company")).ok();
    let password = NewPassword::new(form.text("password"), &Email::new(form.text("email")), company.as_ref());
    let password = mistakes.new_password("password", password);
    let company = mistakes.name("company", "your company", form.text("company"));
    match (email, password, company) {
        (Some(email), Some(password), Some(company)) => Ok(NewAccount { email, password, company }),
        _ => Err(mistakes),
    }
}
