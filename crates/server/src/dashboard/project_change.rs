//! The dialogs that create, rename and archive a project.

use askama::Template;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;

use super::assets;
use super::done::Done;
use super::form::Form;
use super::frame::Frame;
use super::page::{Mistakes, Refusal, page, without_key};
use super::project_list::ProjectQuery;
use super::sent_form::SentForm;
use super::session::{SignedIn, refuse_draft, take_draft};
use crate::http::state::AppState;
use crate::store::api_key;
use crate::store::archive;
use crate::store::id::ProjectId;
use crate::store::key_filter::KeyFilter;
use crate::store::name::Name;
use crate::store::project::{self, Project};
use crate::store::store_error::StoreError;

/// The dialog that creates a project, or renames an existing one.
#[derive(Template)]
#[template(path = "project-form.html")]
struct ProjectPage {
    frame: Frame,
    project: Option<Project>,
    typed: String,
    mistakes: Mistakes,
    action: String,
    cancel: String,
}

impl ProjectPage {
    /// Returns whether somebody has changed the text of the field.
    fn is_changed(&self) -> bool {
        self.typed != self.project.as_ref().map_or("", |project| project.name.as_str())
    }
}

#[derive(Template)]
#[template(path = "archive.html")]
struct ArchivePage {
    frame: Frame,
    project: Project,
    /// The names of the keys that are revoked with the project.
    names: Vec<Name>,
    action: String,
    cancel: String,
}

impl ArchivePage {
    /// Maximum number of keys that are named.
    const SHOWN: usize = 5;
}

/// The id in the path. The response to a text that is not an id is the same as to an id that no project has.
pub(super) struct ProjectOfPath(ProjectId);

impl FromRequestParts<AppState> for ProjectOfPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Refusal> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let id = path.ok().and_then(|Path(text)| ProjectId::parse(&text));
        id.map(Self).ok_or_else(Refusal::no_page)
    }
}

pub(super) async fn ask_create(
    signed_in: SignedIn,
    State(state): State<AppState>,
    jar: CookieJar,
) -> Response {
    let (jar, draft) = take_draft(&state, jar, "/projects/new", &signed_in.account.id);
    let typed = draft.map(|form| name_of(&form)).unwrap_or_default();
    (jar, create_dialog(StatusCode::OK, &signed_in, typed, Mistakes::default())).into_response()
}

/// Returns the name in a form, to be shown again.
fn name_of(form: &Form) -> String {
    without_key(form.text("name")).to_owned()
}

fn create_dialog(status: StatusCode, signed_in: &SignedIn, typed: String, mistakes: Mistakes) -> Response {
    let [action, cancel] = ["/projects"; 2].map(str::to_owned);
    let frame = Frame::new(signed_in, "/projects");
    page(status, &ProjectPage { frame, project: None, typed, mistakes, action, cancel })
}

pub(super) async fn create(
    State(state): State<AppState>,
    SentForm { signed_in, form }: SentForm,
) -> Result<Response, Refusal> {
    let name = match read_name(&form) {
        Ok(name) => name,
        Err(mistakes) => {
            return Ok(create_dialog(StatusCode::BAD_REQUEST, &signed_in, name_of(&form), mistakes));
        }
    };
    let mut transaction = state.database.begin().await?;
    let act = signed_in.act(state.clock.now());
    match project::create(&mut transaction, act, &name).await {
        Ok(project) => {
            transaction.commit().await?;
            let query = ProjectQuery::default();
            Ok(Done::CreatedProject.redirect(
                &state,
                "",
                &row(&state, &signed_in, &query, &project.id).await?,
            ))
        }
        Err(StoreError::NameTaken) => {
            Ok(create_dialog(StatusCode::CONFLICT, &signed_in, name_of(&form), name_taken()))
        }
        Err(error) => Err(error.into()),
    }
}

fn read_name(form: &Form) -> Result<Name, Mistakes> {
    let mut mistakes = Mistakes::default();
    mistakes.name("name", "the project", form.text("name")).ok_or(mistakes)
}

fn name_taken() -> Mistakes {
    Mistakes::one("name", "There is a project of this name, perhaps an archived one. Enter another name.")
}

/// Returns the address of the row of a project in the list.
async fn row(
    state: &AppState,
    signed_in: &SignedIn,
    query: &ProjectQuery,
    id: &ProjectId,
) -> Result<String, Refusal> {
    let mut connection = state.database.acquire().await?;
    let projects = project::list(&mut connection, &signed_in.account.company.id).await?;
    Ok(query.address_of(id, projects))
}

pub(super) async fn ask_rename(
    signed_in: SignedIn,
    State(state): State<AppState>,
    ProjectOfPath(id): ProjectOfPath,
    query: ProjectQuery,
    jar: CookieJar,
) -> Result<Response, Refusal> {
    let (jar, draft) = take_draft(&state, jar, &format!("/projects/{id}/rename"), &signed_in.account.id);
    let typed = draft.map(|form| name_of(&form));
    let page = rename_dialog(StatusCode::OK, &state, &signed_in, &id, &query, typed, Mistakes::default());
    match page.await {
        Ok(page) => Ok((jar, page).into_response()),
        Err(refusal) => refuse_draft(jar, refusal),
    }
}

/// Asks for a new name of a project. If nothing was typed, the field has the current name.
async fn rename_dialog(
    status: StatusCode,
    state: &AppState,
    signed_in: &SignedIn,
    id: &ProjectId,
    query: &ProjectQuery,
    typed: Option<String>,
    mistakes: Mistakes,
) -> Result<Response, Refusal> {
    let mut connection = state.database.acquire().await?;
    let project = project::find(&mut connection, &signed_in.account.company.id, id).await?;
    let typed = typed.unwrap_or_else(|| project.name.to_string());
    let (action, cancel) = addresses("rename", id, query);
    let frame = Frame::new(signed_in, "/projects");
    Ok(page(status, &ProjectPage { frame, project: Some(project), typed, mistakes, action, cancel }))
}

/// Returns the address that a dialog is sent to, and the address that it leads back to.
fn addresses(action: &str, id: &ProjectId, query: &ProjectQuery) -> (String, String) {
    (format!("/projects/{id}/{action}{}", query.query()), format!("{}#project-{id}", query.address()))
}

pub(super) async fn rename(
    State(state): State<AppState>,
    id: Result<ProjectOfPath, Refusal>,
    query: ProjectQuery,
    SentForm { signed_in, form }: SentForm,
) -> Result<Response, Refusal> {
    let ProjectOfPath(id) = id?;
    let refuse = async |status, mistakes| {
        rename_dialog(status, &state, &signed_in, &id, &query, Some(name_of(&form)), mistakes).await
    };
    let name = match read_name(&form) {
        Ok(name) => name,
        Err(mistakes) => return refuse(StatusCode::BAD_REQUEST, mistakes).await,
    };
    let mut transaction = state.database.begin().await?;
    let act = signed_in.act(state.clock.now());
    match project::rename(&mut transaction, act, &id, &name).await {
        Ok(()) => transaction.commit().await?,
        Err(StoreError::NameTaken) => {
            drop(transaction);
            return refuse(StatusCode::CONFLICT, name_taken()).await;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Done::RenamedProject.redirect(&state, "", &row(&state, &signed_in, &query, &id).await?))
}

pub(super) async fn ask_archive(
    signed_in: SignedIn,
    State(state): State<AppState>,
    ProjectOfPath(id): ProjectOfPath,
    query: ProjectQuery,
) -> Result<Response, Refusal> {
    let (company, now) = (&signed_in.account.company.id, state.clock.now());
    let mut connection = state.database.acquire().await?;
    let project = project::find(&mut connection, company, &id).await?;
    let (action, cancel) = addresses("archive", &id, &query);
    if project.is_archived() {
        return Ok(Redirect::to(&cancel).into_response());
    }
    let filter = KeyFilter { project: Some(id), ..KeyFilter::default() };
    let keys = filter.apply(api_key::list(&mut connection, company).await?, now);
    let names = keys.into_iter().filter(|key| !key.has_ended(now)).map(|key| key.name).collect();
    let frame = Frame::new(&signed_in, "/projects");
    Ok(page(StatusCode::OK, &ArchivePage { frame, project, names, action, cancel }))
}

pub(super) async fn archive(
    signed_in: SignedIn,
    State(state): State<AppState>,
    ProjectOfPath(id): ProjectOfPath,
    query: ProjectQuery,
    form: Form,
) -> Result<Response, Refusal> {
    form.check_token(&signed_in.session)?;
    let act = signed_in.act(state.clock.now());
    let mut transaction = state.database.begin().await?;
    let revoked = archive::archive(&mut transaction, act, &id).await?;
    transaction.commit().await?;
    Ok(Done::ArchivedProject.redirect(&state, revoked, &row(&state, &signed_in, &query, &id).await?))
}
