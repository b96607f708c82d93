//! The list of an account's companies, which always has one entry.

use axum::Json as Answer;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa_axum::router::OpenApiRouter;

use super::signed_in::KeyManager;
use crate::http::extract::NoParameters;
use crate::http::open_api::route;
use crate::http::state::AppState;
use crate::store::company::Company;
use crate::store::id::CompanyId;
use crate::store::name::Name;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(route!(list_companies))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Company)]
pub(super) struct ShownCompany {
    #[schema(value_type = String)]
    id: CompanyId,
    #[schema(value_type = String)]
    name: Name,
    slug: String,
    #[schema(schema_with = owner)]
    role: &'static str,
}

fn owner() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["owner"]))
}

impl From<Company> for ShownCompany {
    fn from(company: Company) -> Self {
        let Company { id, name, slug } = company;
        Self { id, name, slug, role: "owner" }
    }
}

/// Lists the companies whose keys the token manages.
#[utoipa::path(
    get,
    path = "/companies",
    operation_id = "listCompanies",
    responses((status = OK, body = Vec<ShownCompany>))
)]
async fn list_companies(manager: KeyManager, _: NoParameters) -> Answer<[ShownCompany; 1]> {
    Answer([manager.company.into()])
}
