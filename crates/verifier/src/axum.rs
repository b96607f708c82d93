//! Extractors for axum: a handler's signature says what its requests need.
//!
#![cfg_attr(feature = "sqlite", doc = "```")]
#![cfg_attr(not(feature = "sqlite"), doc = "```ignore")]
//! use axum::{Router, routing::get};
//! use ctx_key::Scope;
//! use ctx_key_verifier::{Verifier, axum::{AnyKey, Granted}, sqlite::SqliteSource};
//!
//! const MEMORIES_READ: u32 = Scope::MEMORIES_READ.bits();
//!
//! async fn list(Granted(grant): Granted<MEMORIES_READ, SqliteSource>) -> String {
//!     format!("memories of {}", grant.project())
//! }
//!
//! async fn who(AnyKey(grant): AnyKey<SqliteSource>) -> String {
//!     grant.scopes().to_string()
//! }
//!
//! fn app(verifier: Verifier<SqliteSource>) -> Router {
//!     Router::new().route("/v1/memories", get(list)).route("/v1/key", get(who)).with_state(verifier)
//! }
//! # let _: fn(_) -> _ = app;
//! ```
//!
//! A state that holds more than the verifier implements [`FromRef`] for it. It implements [`VerifierState`] instead if it
//! counts outcomes, limits requests or writes error bodies of its own. A type alias saves the name of the source:
//! `type Granted<const SCOPES: u32> = ctx_key_verifier::axum::Granted<SCOPES, SqliteSource>;`
//!
//! A handler that requires no scope does not compile, nor does one that requires bits which are not scopes:
//!
//! ```compile_fail,E0080
//! # use axum::{Router, routing::get};
//! # use ctx_key_verifier::{Verifier, axum::Granted, sqlite::SqliteSource};
//! async fn list(Granted(grant): Granted<0, SqliteSource>) {}
//! # fn app(verifier: Verifier<SqliteSource>) -> Router { Router::new().route("/", get(list)).with_state(verifier) }
//! # let _: fn(_) -> _ = app;
//! ```
//!
//! ```compile_fail,E0080
//! # use axum::{Router, routing::get};
//! # use ctx_key_verifier::{Verifier, axum::Granted, sqlite::SqliteSource};
//! async fn list(Granted(grant): Granted<64, SqliteSource>) {}
//! # fn app(verifier: Verifier<SqliteSource>) -> Router { Router::new().route("/", get(list)).with_state(verifier) }
//! # let _: fn(_) -> _ = app;
//! ```

use std::borrow::Cow;
use std::fmt;

use axum_core::body::Body;
use axum_core::extract::{FromRef, FromRequestParts};
use axum_core::response::{IntoResponse, Response};
use ctx_key::{Grant, KeyId, Reason, Scope, bearer};
use http::request::Parts;

use crate::error::VerifyError;
use crate::request::{REALM, Required, verify};
use crate::source::Source;
use crate::verifier::Verifier;

/// A state that verifies the requests of an application.
///
/// Every state that implements [`FromRef`] for the verifier implements this trait.
///
#[cfg_attr(feature = "sqlite", doc = "```")]
#[cfg_attr(not(feature = "sqlite"), doc = "```ignore")]
/// # use std::borrow::Cow;
/// # use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
/// # use axum::response::{IntoResponse, Response};
/// # use ctx_key::Grant;
/// # use ctx_key_verifier::{Source, Verifier, VerifyError, axum::VerifierState, sqlite::SqliteSource};
/// struct App {
///     verifier: Verifier<SqliteSource>,
///     refused: AtomicU64,
/// }
///
/// impl VerifierState<SqliteSource> for App {
///     type Rejection = Plain;
///
///     fn verifier(&self) -> Cow<'_, Verifier<SqliteSource>> {
///         Cow::Borrowed(&self.verifier)
///     }
///
///     fn observe(&self, outcome: Result<&Grant<<SqliteSource as Source>::Project>, &VerifyError>) {
///         self.refused.fetch_add(u64::from(outcome.is_err()), Relaxed);
///     }
/// }
///
/// /// An error body in plain text.
/// struct Plain(VerifyError);
///
/// impl From<VerifyError> for Plain {
///     fn from(error: VerifyError) -> Self {
///         Self(error)
///     }
/// }
///
/// impl IntoResponse for Plain {
///     fn into_response(self) -> Response {
///         let (_, _, message) = self.0.body_fields();
///         self.0.to_response::<String>("My service").map(|_| message.into())
///     }
/// }
/// ```
pub trait VerifierState<S: Source>: Send + Sync {
    /// The rejection of the extractors.
    type Rejection: From<VerifyError> + IntoResponse;

    /// Returns the verifier.
    fn verifier(&self) -> Cow<'_, Verifier<S>>;

    /// Refuses requests before their key is read, for example those of browsers. By default, it refuses none.
    ///
    /// # Errors
    ///
    /// The rejection of a request that is refused.
    fn admit(&self, _request: &Parts) -> Result<(), Self::Rejection> {
        Ok(())
    }

    /// Observes the outcome for each request that was admitted, for example to count it. It is logged already.
    fn observe(&self, _outcome: Result<&Grant<S::Project>, &VerifyError>) {}

    /// Refuses requests with a valid key, for example those beyond a rate limit. It is called after
    /// [`observe`](Self::observe), even if the key lacks a scope. By default, it refuses none.
    ///
    /// # Errors
    ///
    /// The rejection of a request that is refused.
    fn limit(&self, _key: KeyId, _request: &Parts) -> Result<(), Self::Rejection> {
        Ok(())
    }
}

impl<S: Source, State: Send + Sync> VerifierState<S> for State
where
    Verifier<S>: FromRef<State>,
{
    type Rejection = Refused;

    fn verifier(&self) -> Cow<'_, Verifier<S>> {
        Cow::Owned(Verifier::from_ref(self))
    }
}

async fn extract<S: Source, State: VerifierState<S>>(
    parts: &Parts,
    state: &State,
    required: Required,
) -> Result<Grant<S::Project>, State::Rejection> {
    state.admit(parts)?;
    let outcome = verify(&*state.verifier(), &parts.headers, required).await;
    state.observe(outcome.as_ref());
    if let Some(key) = valid_key(outcome.as_ref(), parts) {
        state.limit(key, parts)?;
    }
    Ok(outcome?)
}

/// Returns the id of the key if the key is valid, even if it lacks a scope.
fn valid_key<P>(outcome: Result<&Grant<P>, &VerifyError>, request: &Parts) -> Option<KeyId> {
    match outcome {
        Ok(grant) => Some(grant.key_id()),
        Err(VerifyError::Denied(denied)) if matches!(denied.reason(), Reason::MissingScope { .. }) => {
            bearer::parse_headers(&request.headers).ok().map(|key| key.id())
        }
        Err(_) => None,
    }
}

/// The grant of a key that has the scopes with these bits. A handler that takes it runs for no other request.
pub struct Granted<const SCOPES: u32, S: Source>(pub Grant<S::Project>);

impl<const SCOPES: u32, S: Source> Granted<SCOPES, S> {
    const REQUIRED: Required = {
        let scopes = Scope::from_bits(SCOPES).expect("these bits are not scopes");
        assert!(!scopes.is_empty(), "nothing is required: use AnyKey if any valid key will do");
        Required::Scopes(scopes)
    };
}

impl<const SCOPES: u32, S: Source, State: VerifierState<S>> FromRequestParts<State> for Granted<SCOPES, S> {
    type Rejection = State::Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, State::Rejection> {
        extract(parts, state, Self::REQUIRED).await.map(Self)
    }
}

/// The grant of any valid key, whatever its scopes are.
pub struct AnyKey<S: Source>(pub Grant<S::Project>);

impl<S: Source, State: VerifierState<S>> FromRequestParts<State> for AnyKey<S> {
    type Rejection = State::Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, State::Rejection> {
        extract(parts, state, Required::Validity).await.map(Self)
    }
}

impl<const SCOPES: u32, S: Source<Project: fmt::Debug>> fmt::Debug for Granted<SCOPES, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Granted").field(&self.0).finish()
    }
}

impl<S: Source<Project: fmt::Debug>> fmt::Debug for AnyKey<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnyKey").field(&self.0).finish()
    }
}

/// The rejection of the extractors, unless the state has another. Its response is that of [`VerifyError::to_response`],
/// with the realm `MemoryKit`.
///
/// The error is in the response's extensions too, so that a layer can write another body.
#[derive(Clone, Debug)]
pub struct Refused(pub VerifyError);

impl From<VerifyError> for Refused {
    fn from(error: VerifyError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.0.to_response::<Body>(REALM);
        response.extensions_mut().insert(self.0);
        response
    }
}
