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
//! A state that holds more implements [`FromRef`] for the verifier. A type alias saves the name of the source:
//! `type Granted<const SCOPES: u32> = ctx_key_verifier::axum::Granted<SCOPES, SqliteSource>;`
//!
//! Requiring nothing does not compile, nor do bits that are not scopes:
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

use std::fmt;

use axum_core::body::Body;
use axum_core::extract::{FromRef, FromRequestParts};
use axum_core::response::{IntoResponse, Response};
use ctx_key::{Grant, Scope};
use http::request::Parts;

use crate::error::VerifyError;
use crate::request::{REALM, Required, verify};
use crate::source::Source;
use crate::verifier::Verifier;

/// The grant of a key that has the scopes with these bits. A handler that takes it runs for no other request.
pub struct Granted<const SCOPES: u32, S: Source>(pub Grant<S::Project>);

impl<const SCOPES: u32, S: Source> Granted<SCOPES, S> {
    const REQUIRED: Required = {
        let scopes = Scope::from_bits(SCOPES).expect("these bits are not scopes");
        assert!(!scopes.is_empty(), "nothing is required: use AnyKey if any valid key will do");
        Required::Scopes(scopes)
    };
}

impl<const SCOPES: u32, S: Source, State> FromRequestParts<State> for Granted<SCOPES, S>
where
    Verifier<S>: FromRef<State>,
    State: Send + Sync,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refused> {
        let verifier = Verifier::from_ref(state);
        verify(&verifier, &parts.headers, Self::REQUIRED).await.map(Self).map_err(Refused)
    }
}

/// The grant of any valid key, whatever its scopes are.
pub struct AnyKey<S: Source>(pub Grant<S::Project>);

impl<S: Source, State> FromRequestParts<State> for AnyKey<S>
where
    Verifier<S>: FromRef<State>,
    State: Send + Sync,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refused> {
        let verifier = Verifier::from_ref(state);
        verify(&verifier, &parts.headers, Required::Validity).await.map(Self).map_err(Refused)
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

/// The rejection of the extractors. Its response is that of [`VerifyError::to_response`], with the realm `MemoryKit`.
///
/// The error is in the response's extensions too, so that a layer can write another body.
#[derive(Clone, Debug)]
pub struct Refused(pub VerifyError);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.0.to_response::<Body>(REALM);
        response.extensions_mut().insert(self.0);
        response
    }
}
