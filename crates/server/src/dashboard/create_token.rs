//! The dialog that creates an access token, and the page that shows a new token once.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use ctx_key::UnixTime;

use super::assets;
use super::expiry_choice::{DATE, DAYS, ExpiryChoice};
use super::form::Form;
use super::frame::Frame;
use super::page::{Mistakes, Refusal, page, without_key};
use super::sent_form::SentForm;
use super::session::{SignedIn, take_draft};
use super::token_list::ShownToken;
use crate::http::state::AppState;
use crate::store::access_token::{self, AccessToken, NewToken};
use crate::store::actor::Act;
use crate::store::idempotency_key::IdempotencyKey;
use crate::store::secret::Secret;
use crate::store::store_error::StoreError;

#[derive(Template)]
#[template(path = "create-token.html")]
struct CreateTokenPage {
    frame: Frame,
    typed: Typed,
    mistakes: Mistakes,
}

#[derive(Template)]
#[template(path = "new-token.html")]
struct NewTokenPage<'a> {
    frame: Frame,
    secret: &'a Secret,
    token: ShownToken,
    url: &'a str,
}

/// The fields as they were sent.
struct Typed {
    name: String,
    expiry: ExpiryChoice,
    form: Secret,
}

impl Typed {
    /// Reads the fields of a form. `nonce` identifies the form.
    fn read(form: &Form, nonce: Secret) -> Self {
        Self { name: form.text("name").to_owned(), expiry: ExpiryChoice::read(form), form: nonce }
    }

    /// Returns the token that the form asks for, or its mistakes.
    fn check(&self, session: &Secret, now: UnixTime) -> Result<NewToken, Mistakes> {
        let mut mistakes = Mistakes::default();
        let name = mistakes.name("name", "the token", &self.name);
        let expires_at = self.expiry.check("the token", &mut mistakes, now);
        let idempotency_key = Some(IdempotencyKey::new(session, &self.form));
        name.zip(expires_at)
            .map(|(name, expires_at)| NewToken { name, expires_at, idempotency_key })
            .ok_or(mistakes)
    }
}

pub(super) async fn show(signed_in: SignedIn, State(state): State<AppState>, jar: CookieJar) -> Response {
    let (jar, kept) = take_draft(&state, jar, "/tokens/new", &signed_in.account.id);
    let nonce = Secret::generate();
    let typed = match &kept {
        Some(form) => Typed::read(form, nonce),
        None => Typed { name: String::new(), expiry: ExpiryChoice::default(), form: nonce },
    };
    (jar, dialog(StatusCode::OK, &signed_in, typed, Mistakes::default())).into_response()
}

fn dialog(status: StatusCode, signed_in: &SignedIn, typed: Typed, mistakes: Mistakes) -> Response {
    let typed = Typed { name: without_key(&typed.name).to_owned(), ..typed };
    page(status, &CreateTokenPage { frame: Frame::new(signed_in, "/tokens"), typed, mistakes })
}

pub(super) async fn create(
    State(state): State<AppState>,
    SentForm { signed_in, form }: SentForm,
) -> Result<Response, Refusal> {
    let typed = Typed::read(&form, form.nonce()?);
    let now = state.clock.now();
    let new = match typed.check(&signed_in.session, now) {
        Ok(new) => new,
        Err(mistakes) => return Ok(dialog(StatusCode::BAD_REQUEST, &signed_in, typed, mistakes)),
    };
    match make(&state, signed_in.act(now), new).await {
        Ok((secret, token)) => {
            let template = NewTokenPage {
                frame: Frame::new(&signed_in, "/tokens"),
                secret: &secret,
                token: ShownToken::new(token, now),
                url: &state.public_url,
            };
            Ok(page(StatusCode::OK, &template))
        }
        Err(StoreError::Repeated) => Err(Refusal::token_sent_before()),
        Err(StoreError::TooManyTokens(max)) => {
            let message = format!(
                "Your company has {max} access tokens that have not expired, and may have no more. End one in the list \
                 first."
            );
            let mistakes = Mistakes::one("name", message);
            Ok(dialog(StatusCode::CONFLICT, &signed_in, typed, mistakes))
        }
        Err(error) => Err(error.into()),
    }
}

async fn make(state: &AppState, act: Act<'_>, new: NewToken) -> Result<(Secret, AccessToken), StoreError> {
    let mut transaction = state.database.begin().await?;
    let made = access_token::create(&mut transaction, act, new).await?;
    transaction.commit().await?;
    Ok(made)
}
