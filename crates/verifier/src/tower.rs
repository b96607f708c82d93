//! A layer that verifies the key of each request and puts the grant into the request's extensions.
//!
//! ```
//! use ctx_key::{Grant, Scope};
//! use ctx_key_verifier::{Source, Verifier, tower::VerifyLayer};
//! use http::{Request, Response};
//! use tower::{BoxError, Layer, Service, service_fn};
//!
//! async fn greet<S: Source<Project = String>>(request: Request<String>) -> Result<Response<String>, BoxError> {
//!     let grant: &Grant<String> = request.extensions().get().ok_or("the layer is missing")?;
//!     Ok(Response::new(format!("hello, {}", grant.project())))
//! }
//!
//! fn guarded<S: Source<Project = String>>(
//!     verifier: Verifier<S>,
//! ) -> impl Service<Request<String>, Response = Response<String>> {
//!     VerifyLayer::new(verifier, Scope::MEMORIES_READ).layer(service_fn(greet::<S>))
//! }
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use ctx_key::Scope;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::error::VerifyError;
use crate::request::{REALM, Required, verify};
use crate::source::Source;
use crate::verifier::Verifier;

/// Guards a service: only requests with a valid key reach it, with their `Grant<S::Project>` in the extensions.
///
/// The header with the key is removed, so that the service can neither log nor forward it. Other requests are answered
/// with 401, 400, 403, 503 or 500, by [`VerifyError::to_response`] with the realm `MemoryKit` or by a function of yours.
pub struct VerifyLayer<S: Source, R = Json> {
    verifier: Verifier<S>,
    required: Required,
    respond: R,
}

impl<S: Source> VerifyLayer<S> {
    /// Creates a layer that requires these scopes. If `required` is empty, it refuses every request.
    pub fn new(verifier: Verifier<S>, required: Scope) -> Self {
        Self { verifier, required: Required::Scopes(required), respond: Json }
    }

    /// Creates a layer that requires a valid key, whatever its scopes are. The service can examine them: `Grant::require`.
    pub fn any_key(verifier: Verifier<S>) -> Self {
        Self { verifier, required: Required::Validity, respond: Json }
    }
}

impl<S: Source, R> VerifyLayer<S, R> {
    /// Answers refused requests with this function.
    ///
    /// ```
    /// # use ctx_key::Scope;
    /// # use ctx_key_verifier::{Source, Verifier, VerifyError, tower::VerifyLayer};
    /// # fn layer<S: Source>(verifier: Verifier<S>) {
    /// let layer = VerifyLayer::new(verifier, Scope::MEMORIES_READ)
    ///     .respond_with(|error: &VerifyError| error.to_response::<String>("My service"));
    /// # }
    /// ```
    pub fn respond_with<B, F: Fn(&VerifyError) -> Response<B>>(self, respond: F) -> VerifyLayer<S, F> {
        VerifyLayer { verifier: self.verifier, required: self.required, respond }
    }
}

/// Answers refused requests with [`VerifyError::to_response`].
#[derive(Clone, Copy, Debug)]
pub struct Json;

/// Answers refused requests: a function, or [`Json`].
pub trait Respond<B> {
    /// Returns the response.
    fn respond(&self, error: &VerifyError) -> Response<B>;
}

impl<B: From<String>> Respond<B> for Json {
    fn respond(&self, error: &VerifyError) -> Response<B> {
        error.to_response(REALM)
    }
}

impl<B, F: Fn(&VerifyError) -> Response<B>> Respond<B> for F {
    fn respond(&self, error: &VerifyError) -> Response<B> {
        self(error)
    }
}

impl<S: Source, R: Clone, I> Layer<I> for VerifyLayer<S, R> {
    type Service = Verified<I, S, R>;

    fn layer(&self, inner: I) -> Verified<I, S, R> {
        Verified { layer: self.clone(), inner }
    }
}

impl<S: Source, R: Clone> Clone for VerifyLayer<S, R> {
    fn clone(&self) -> Self {
        Self { verifier: self.verifier.clone(), required: self.required, respond: self.respond.clone() }
    }
}

impl<S: Source, R> fmt::Debug for VerifyLayer<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyLayer").field("required", &self.required).finish_non_exhaustive()
    }
}

/// A service that a [`VerifyLayer`] guards.
#[derive(Debug)]
pub struct Verified<I, S: Source, R = Json> {
    layer: VerifyLayer<S, R>,
    inner: I,
}

impl<I: Clone, S: Source, R: Clone> Clone for Verified<I, S, R> {
    fn clone(&self) -> Self {
        Self { layer: self.layer.clone(), inner: self.inner.clone() }
    }
}

impl<I, S, R, B, C> Service<Request<B>> for Verified<I, S, R>
where
    I: Service<Request<B>, Response = Response<C>, Future: Send> + Clone + Send + 'static,
    S: Source,
    R: Respond<C> + Clone + Send + 'static,
    B: Send + 'static,
{
    type Response = Response<C>;
    type Error = I::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<C>, I::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), I::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // `poll_ready` was called on the original and not on its clone, so the original serves this request
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        Box::pin(async move {
            match verify(&layer.verifier, request.headers(), layer.required).await {
                Ok(grant) => {
                    request.headers_mut().remove(AUTHORIZATION);
                    request.extensions_mut().insert(grant);
                    inner.call(request).await
                }
                Err(error) => Ok(layer.respond.respond(&error)),
            }
        })
    }
}
