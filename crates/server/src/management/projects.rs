//! The projects of a company.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::signed_in::SignedIn;
use crate::http::api_error::ApiError;
use crate::http::extract::{Json, Segment};
use crate::http::open_api::route;
use crate::http::schema;
use crate::http::state::AppState;
use crate::store::id::ProjectId;
use crate::store::name::Name;
use crate::store::project::{self, Project};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(route!(projects)).routes(route!(create_project))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Project)]
struct ShownProject {
    #[schema(value_type = String)]
    id: ProjectId,
    #[schema(value_type = String)]
    name: Name,
}

impl From<Project> for ShownProject {
    fn from(project: Project) -> Self {
        Self { id: project.id, name: project.name }
    }
}

/// Lists the projects of a company.
#[utoipa::path(
    get,
    path = "/companies/{company}/projects",
    operation_id = "listProjects",
    responses((status = OK, body = Vec<ShownProject>))
)]
async fn projects(
    signed_in: SignedIn,
    State(state): State<AppState>,
    Segment(company): Segment<String>,
) -> Result<Answer<Vec<ShownProject>>, ApiError> {
    let company = signed_in.of(&company)?.company.id;
    let mut connection = state.database.acquire().await?;
    let projects = project::list(&mut connection, &company).await?;
    Ok(Answer(projects.into_iter().map(ShownProject::from).collect()))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewProject)]
struct CreateProject {
    #[schema(schema_with = schema::name)]
    name: String,
}

/// Makes a project.
#[utoipa::path(
    post,
    path = "/companies/{company}/projects",
    operation_id = "createProject",
    responses((status = CREATED, body = ShownProject), (status = CONFLICT))
)]
async fn create_project(
    signed_in: SignedIn,
    State(state): State<AppState>,
    Segment(company): Segment<String>,
    Json(body): Json<CreateProject>,
) -> Result<(StatusCode, Answer<ShownProject>), ApiError> {
    let account = signed_in.of(&company)?;
    let name = Name::parse(&body.name)?;
    let mut transaction = state.database.begin().await?;
    let project = project::create(&mut transaction, account.act(state.clock.now()), &name).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Answer(project.into())))
}
