//! The dialog that creates an API key.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use ctx_key::{ApiKey, Scope, UnixTime};

use super::assets;
use super::expiry_choice::{DATE, DAYS, ExpiryChoice};
use super::form::Form;
use super::frame::Frame;
use super::list_query::{Back, ListQuery};
use super::new_key::{sent_before, show_once};
use super::page::{Mistakes, Refusal, page, without_key};
use super::scope_choice::ScopeChoice;
use super::sent_form::SentForm;
use super::session::{SignedIn, take_draft};
use crate::http::state::AppState;
use crate::store::actor::Act;
use crate::store::api_key::{self, ListedKey, NewKey, ProjectChoice};
use crate::store::id::ProjectId;
use crate::store::idempotency_key::IdempotencyKey;
use crate::store::project::{self, Project};
use crate::store::secret::Secret;
use crate::store::store_error::StoreError;

/// The value for a project that is created with the key.
const NEW_PROJECT: &str = "new";

#[derive(Template)]
#[template(path = "create.html")]
struct CreatePage {
    frame: Frame,
    /// The projects that can get new keys.
    projects: Vec<Project>,
    typed: Typed,
    mistakes: Mistakes,
}

impl CreatePage {
    fn makes_project(&self) -> bool {
        self.typed.project == NEW_PROJECT || self.projects.is_empty()
    }
}

/// The fields as they were sent.
struct Typed {
    name: String,
    project: String,
    project_name: String,
    scopes: ScopeChoice,
    expiry: ExpiryChoice,
    form: Secret,
}

impl Typed {
    fn nothing() -> Self {
        Self {
            name: String::new(),
            project: String::new(),
            project_name: String::new(),
            scopes: ScopeChoice::default(),
            expiry: ExpiryChoice::default(),
            form: Secret::generate(),
        }
    }

    /// Reads the fields of a form. `nonce` identifies the form.
    fn read(form: &Form, nonce: Secret) -> Self {
        Self {
            name: form.text("name").to_owned(),
            project: form.text("project").to_owned(),
            project_name: form.text("project_name").to_owned(),
            scopes: ScopeChoice::read(form),
            expiry: ExpiryChoice::read(form),
            form: nonce,
        }
    }

    /// Empties names that contain an API key, so that no page shows it.
    fn without_keys(self) -> Self {
        let [name, project_name] = [&self.name, &self.project_name].map(|text| without_key(text).to_owned());
        Self { name, project_name, ..self }
    }

    /// Returns the key that the form asks for, or its mistakes.
    fn check(&self, session: &Secret, now: UnixTime) -> Result<NewKey, Mistakes> {
        let mut mistakes = Mistakes::default();
        let name = mistakes.name("name", "the key", &self.name);
        let project = if self.project == NEW_PROJECT {
            mistakes.name("project_name", "the new project", &self.project_name).map(ProjectChoice::New)
        } else {
            let id = ProjectId::parse(&self.project);
            mistakes.expect(id, "project", "Choose a project.").map(ProjectChoice::Existing)
        };
        let scopes = self.scopes.check(&mut mistakes);
        let expires_at = self.expiry.check("the key", &mut mistakes, now);
        match (name, project, scopes, expires_at) {
            (Some(name), Some(project), Some(scopes), Some(expires_at)) => {
                let idempotency_key = Some(IdempotencyKey::new(session, &self.form));
                Ok(NewKey { name, project, scopes, expires_at, idempotency_key })
            }
            _ => Err(mistakes),
        }
    }
}

pub(super) async fn show(
    signed_in: SignedIn,
    State(state): State<AppState>,
    jar: CookieJar,
) -> Result<Response, Refusal> {
    let (jar, draft) = take_draft(&state, jar, "/keys/new", &signed_in.account.id);
    let typed = draft.map(|form| Typed::read(&form, Secret::generate()).without_keys());
    let typed = typed.unwrap_or_else(Typed::nothing);
    let page = dialog(StatusCode::OK, &state, &signed_in, typed, Mistakes::default()).await?;
    Ok((jar, page).into_response())
}

async fn dialog(
    status: StatusCode,
    state: &AppState,
    signed_in: &SignedIn,
    typed: Typed,
    mistakes: Mistakes,
) -> Result<Response, Refusal> {
    let mut connection = state.database.acquire().await?;
    let mut projects = project::list(&mut connection, &signed_in.account.company.id).await?;
    projects.retain(|project| !project.is_archived());
    let frame = Frame::new(signed_in, "/keys");
    Ok(page(status, &CreatePage { frame, projects, typed, mistakes }))
}

pub(super) async fn create(
    State(state): State<AppState>,
    SentForm { signed_in, form }: SentForm,
) -> Result<Response, Refusal> {
    let typed = Typed::read(&form, form.nonce()?);
    let now = state.clock.now();
    let new = match typed.check(&signed_in.session, now) {
        Ok(new) => new,
        Err(mistakes) => return refuse(StatusCode::BAD_REQUEST, &state, &signed_in, typed, mistakes).await,
    };
    let (status, mistakes) = match make(&state, signed_in.act(now), &new).await {
        Ok((key, listed)) => {
            let back = Back::List(ListQuery::default());
            return Ok(show_once(&state, &signed_in, &key, &listed, None, &back));
        }
        Err(StoreError::Repeated) => return sent_before(&state, &signed_in, &typed.form).await,
        Err(StoreError::NameTaken) => {
            let message = "There is a project of this name, perhaps an archived one. Choose it above, or enter another name.";
            (StatusCode::BAD_REQUEST, Mistakes::one("project_name", message))
        }
        Err(StoreError::NotFound) => (StatusCode::BAD_REQUEST, Mistakes::one("project", "Choose a project.")),
        Err(StoreError::Archived) => {
            let message = "This project was archived, so it gets no new keys. Choose another one.";
            (StatusCode::CONFLICT, Mistakes::one("project", message))
        }
        Err(error) => return Err(error.into()),
    };
    refuse(status, &state, &signed_in, typed, mistakes).await
}

async fn make(state: &AppState, act: Act<'_>, new: &NewKey) -> Result<(ApiKey, ListedKey), StoreError> {
    let mut transaction = state.database.begin().await?;
    let made = api_key::create(&mut transaction, act, new).await?;
    transaction.commit().await?;
    Ok(made)
}

async fn refuse(
    status: StatusCode,
    state: &AppState,
    signed_in: &SignedIn,
    typed: Typed,
    mistakes: Mistakes,
) -> Result<Response, Refusal> {
    dialog(status, state, signed_in, typed.without_keys(), mistakes).await
}
