//! The owner of a request's access token: [`SignedIn`] and [`KeyManager`].

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use ctx_key::{Reason, UnixTime, bearer};
use utoipa::openapi::path::Operation;

use crate::http::api_error::ApiError;
use crate::http::extract::ClientAddress;
use crate::http::last_use::{LastUse, Used};
use crate::http::open_api::{self, Argument, Schemas};
use crate::http::state::AppState;
use crate::store::access_token::{self, AccessToken};
use crate::store::account::{self, Account};
use crate::store::actor::{Act, Actor};
use crate::store::company::Company;
use crate::store::credential::Kind;
use crate::store::email::Email;
use crate::store::name::Name;
use crate::store::secret::Secret;

/// The owner of a token.
enum Owner {
    Account(Box<Account>, Secret),
    Program(AccessToken, Company),
}

impl Owner {
    async fn find(parts: &Parts, state: &AppState, now: UnixTime) -> Result<Self, ApiError> {
        const UNKNOWN: &str = "the access token is unknown or has expired: log in again";
        let token = token(&parts.headers)?.ok_or(ApiError::refused_token(UNKNOWN))?;
        let mut connection = state.database.acquire().await?;
        let of_account = account::of_credential(&mut connection, Kind::Access, &token, now).await?;
        if let Some((account, is_use_due)) = of_account {
            if is_use_due {
                LastUse::note(parts, Used::Credential(token.clone()));
            }
            return Ok(Self::Account(Box::new(account), token));
        }
        let found = access_token::find(&mut connection, &token, now).await?;
        let (token, company) = found.ok_or(ApiError::refused_token(UNKNOWN))?;
        if token.is_use_due(now) {
            LastUse::note(parts, Used::Token(token.id.clone()));
        }
        Ok(Self::Program(token, company))
    }
}

/// Returns the token of a request, or `None` if the text is not a token. The parser of API keys reads the header, so
/// that both APIs accept the same headers.
fn token(headers: &HeaderMap) -> Result<Option<Secret>, ApiError> {
    const MISSING: &str = "an access token is required: get one from POST /api/v1/auth/login, and send it as \
                           `Authorization: Bearer <token>`";
    let Err(denied) = bearer::parse_headers(headers) else {
        return Err(ApiError::refused_token("an API key gives no access to this path: send an access token"));
    };
    match denied.reason() {
        Reason::MissingCredentials => Err(ApiError::unauthenticated(MISSING)),
        Reason::MalformedHeader => Err(ApiError::malformed_token()),
        // there is one header, with the scheme and one token
        _ => {
            let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            let token = value.and_then(|value| value.trim().split(' ').next_back());
            Ok(token.and_then(Secret::parse))
        }
    }
}

/// The account of the request's access token. The token of a program is refused.
pub(super) struct SignedIn {
    pub(super) account: Account,
    pub(super) token: Secret,
    pub(super) address: IpAddr,
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, state).await?;
        match Owner::find(parts, state, state.clock.now()).await? {
            Owner::Account(account, token) => Ok(Self { account: *account, token, address }),
            Owner::Program(..) => Err(ApiError::narrow_token()),
        }
    }
}

impl Argument for SignedIn {
    fn document(operation: &mut Operation, _: &mut Schemas) {
        open_api::takes_access_token(operation);
    }
}

impl SignedIn {
    /// Returns `self` if the company in the path is that of the account. The response for another company is the same
    /// as for one that does not exist.
    pub(super) fn of(self, company: &str) -> Result<Self, ApiError> {
        require(&self.account.company, company)?;
        Ok(self)
    }

    /// Returns the [`Act`] of a change, for the audit log.
    pub(super) fn act(&self, now: UnixTime) -> Act<'_> {
        self.account.act(now, self.address)
    }
}

/// An account or a program, which manages the keys of its company.
pub(super) struct KeyManager {
    pub(super) company: Company,
    by: By,
    address: IpAddr,
}

enum By {
    Account(Email),
    Program(Name),
}

impl FromRequestParts<AppState> for KeyManager {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let now = state.clock.now();
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, state).await?;
        match Owner::find(parts, state, now).await? {
            Owner::Account(account, _) => {
                Ok(Self { company: account.company, by: By::Account(account.email), address })
            }
            Owner::Program(token, company) => Ok(Self { company, by: By::Program(token.name), address }),
        }
    }
}

impl Argument for KeyManager {
    fn document(operation: &mut Operation, _: &mut Schemas) {
        open_api::takes_access_token(operation);
    }
}

impl KeyManager {
    /// Returns `self` if the company in the path is that of the manager.
    pub(super) fn of(self, company: &str) -> Result<Self, ApiError> {
        require(&self.company, company)?;
        Ok(self)
    }

    /// Returns the [`Act`] of a change, for the audit log.
    pub(super) fn act(&self, now: UnixTime) -> Act<'_> {
        let actor = match &self.by {
            By::Account(email) => Actor::Account(email),
            By::Program(name) => Actor::Program(name),
        };
        Act { company: &self.company.id, actor, now, address: Some(self.address) }
    }
}

fn require(own: &Company, company: &str) -> Result<(), ApiError> {
    if company == own.id.as_str() || company == own.slug {
        Ok(())
    } else {
        Err(ApiError::not_found("there is no such company"))
    }
}
