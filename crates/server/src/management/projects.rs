//! The projects of a company.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::signed_in::KeyManager;
use crate::http::api_error::ApiError;
use crate::http::extract::{Json, NoParameters, Segment};
use crate::http::iso_time::IsoTime;
use crate::http::open_api::route;
use crate::http::schema;
use crate::http::state::AppState;
use crate::store::id::{CompanyId, ProjectId};
use crate::store::json_object::JsonObject;
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
    company_id: CompanyId,
    #[schema(value_type = String)]
    name: Name,
    slug: String,
    /// True if the project is not archived.
    is_active: bool,
    #[schema(value_type = Object)]
    metadata: JsonObject,
    created_at: IsoTime,
    updated_at: IsoTime,
}

impl ShownProject {
    /// Returns a project as the platform's clients read it. Its metadata is always empty.
    fn new(project: Project, company_id: CompanyId) -> Self {
        Self {
            company_id,
            slug: project.slug(),
            is_active: !project.is_archived(),
            metadata: JsonObject::default(),
            created_at: IsoTime::from_seconds(project.created_at),
            updated_at: IsoTime::from_seconds(project.updated_at),
            id: project.id,
            name: project.name,
        }
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
    manager: KeyManager,
    State(state): State<AppState>,
    Segment(company): Segment<String>,
    _: NoParameters,
) -> Result<Answer<Vec<ShownProject>>, ApiError> {
    let company = manager.of(&company)?.company.id;
    let mut connection = state.database.acquire().await?;
    let projects = project::list(&mut connection, &company).await?;
    let shown = |project| ShownProject::new(project, company.clone());
    Ok(Answer(projects.into_iter().map(shown).collect()))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewProject)]
struct CreateProject {
    #[schema(schema_with = schema::name)]
    name: String,
}

/// Creates a project.
#[utoipa::path(
    post,
    path = "/companies/{company}/projects",
    operation_id = "createProject",
    responses((status = CREATED, body = ShownProject), (status = CONFLICT))
)]
async fn create_project(
    manager: KeyManager,
    State(state): State<AppState>,
    Segment(company): Segment<String>,
    _: NoParameters,
    Json(body): Json<CreateProject>,
) -> Result<(StatusCode, Answer<ShownProject>), ApiError> {
    let manager = manager.of(&company)?;
    let name = Name::parse(&body.name)?;
    let mut transaction = state.database.begin().await?;
    let project = project::create(&mut transaction, manager.act(state.clock.now()), &name).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Answer(ShownProject::new(project, manager.company.id))))
}
