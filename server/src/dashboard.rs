//! The dashboard: pages for people, who sign in.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Form, Router};
use serde::Deserialize;

use crate::account;
use crate::error::ApiError;
use crate::state::AppState;

pub fn routes() -> Router<AppState> {
    Router::new().route("/set-up", post(set_up))
}

#[derive(Deserialize)]
struct SetUp {
    link: String,
    email: String,
    password: String,
    company: String,
}

/// The link is secret and good for once: no other token is needed.
async fn set_up(State(state): State<AppState>, Form(form): Form<SetUp>) -> Response {
    match account::set_up(&state.database, form.link, form.email, form.password, form.company).await {
        Ok(_) => Redirect::to("/sign-in").into_response(),
        Err(error) => ApiError::invalid(format!("{error:?}")).into_response(),
    }
}
