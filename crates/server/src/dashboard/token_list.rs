//! The page with the access tokens of the company's programs, and the dialog that ends a token.

use std::convert::Infallible;

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use ctx_key::UnixTime;

use super::assets;
use super::done::Done;
use super::form::Form;
use super::frame::{Frame, Moment};
use super::list_query::{page_number, query_of};
use super::page::{Refusal, page};
use super::pager::Pager;
use super::session::SignedIn;
use crate::http::state::AppState;
use crate::store::access_token::{self, AccessToken};
use crate::store::id::TokenId;
use crate::store::name::Name;
use crate::store::store_error::StoreError;

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    frame: Frame,
    tokens: Vec<ShownToken>,
    /// The part after the path in the links of the rows.
    back: String,
    pager: Pager,
    done: Option<String>,
}

#[derive(Template)]
#[template(path = "end-token.html")]
struct EndTokenPage {
    frame: Frame,
    token: ShownToken,
    action: String,
    cancel: String,
}

/// A page of the list, by its number from 1. The dialog leads back to it.
pub(super) struct ListPage(usize);

impl ListPage {
    /// Returns the address of the page.
    fn address(&self) -> String {
        format!("/tokens{}", self.query())
    }

    /// Returns the part after the path of an address, with its `?`.
    fn query(&self) -> String {
        let number = (self.0 > 1).then(|| self.0.to_string());
        query_of(&[("page", number.as_deref())])
    }
}

impl FromRequestParts<AppState> for ListPage {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Infallible> {
        Ok(Self(page_number(parts.uri.query().unwrap_or_default())))
    }
}

/// A token in words.
pub(super) struct ShownToken {
    pub(super) id: TokenId,
    pub(super) name: Name,
    created: Moment,
    pub(super) expires: Option<Moment>,
    last_used: Option<Moment>,
}

impl ShownToken {
    pub(super) fn new(token: AccessToken, now: UnixTime) -> Self {
        Self {
            id: token.id,
            name: token.name,
            created: Moment::new(token.created_at, now),
            expires: token.expires_at.map(|at| Moment::new(at, now)),
            last_used: token.last_used_at.map(|at| Moment::new(at, now)),
        }
    }

    fn has_expired(&self) -> bool {
        self.expires.as_ref().is_some_and(|at| at.is_past)
    }
}

pub(super) async fn list(
    signed_in: SignedIn,
    State(state): State<AppState>,
    ListPage(number): ListPage,
    jar: CookieJar,
) -> Result<Response, Refusal> {
    let now = state.clock.now();
    let mut connection = state.database.acquire().await?;
    let tokens = access_token::list(&mut connection, &signed_in.account.company.id).await?;
    let pager = Pager::new(number, tokens.len(), |page| ListPage(page).address());
    let back = ListPage(pager.page()).query();
    let tokens = tokens[pager.rows()].iter().map(|token| ShownToken::new(token.clone(), now)).collect();
    let (jar, done) = Done::take(&state, jar);
    let template = TokensPage { frame: Frame::new(&signed_in, "/tokens"), tokens, back, pager, done };
    Ok((jar, page(StatusCode::OK, &template)).into_response())
}

fn id(path: Result<Path<String>, PathRejection>) -> Result<TokenId, Refusal> {
    path.ok().and_then(|Path(text)| TokenId::parse(&text)).ok_or_else(Refusal::no_page)
}

pub(super) async fn ask_end(
    signed_in: SignedIn,
    State(state): State<AppState>,
    path: Result<Path<String>, PathRejection>,
    back: ListPage,
) -> Result<Response, Refusal> {
    let id = id(path)?;
    let mut connection = state.database.acquire().await?;
    let tokens = access_token::list(&mut connection, &signed_in.account.company.id).await?;
    let token = tokens.into_iter().find(|token| token.id == id).ok_or(StoreError::NotFound)?;
    let token = ShownToken::new(token, state.clock.now());
    let action = format!("/tokens/{id}/end{}", back.query());
    let cancel = format!("{}#token-{id}", back.address());
    let frame = Frame::new(&signed_in, "/tokens");
    Ok(page(StatusCode::OK, &EndTokenPage { frame, token, action, cancel }))
}

pub(super) async fn end(
    signed_in: SignedIn,
    State(state): State<AppState>,
    path: Result<Path<String>, PathRejection>,
    back: ListPage,
    form: Form,
) -> Result<Response, Refusal> {
    form.check_token(&signed_in.session)?;
    let id = id(path)?;
    let mut transaction = state.database.begin().await?;
    access_token::delete(&mut transaction, signed_in.act(state.clock.now()), &id).await?;
    transaction.commit().await?;
    Ok(Done::EndedToken.redirect(&state, "", &back.address()))
}
