//! The projects of a company. A key belongs to one of them.

use super::actor::Act;
use super::audit_log::{self, Action};
use super::id::{CompanyId, ProjectId};
use super::name::Name;
use super::slug::slug;
use super::store_error::StoreError;
use crate::clock::seconds;
use crate::database::{Connection, DatabaseError, Row, Transaction};

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    pub id: ProjectId,
    pub name: Name,
    pub created_at: i64,
}

impl Project {
    /// Returns the name as an address has it, or the id if that would be empty.
    pub fn slug(&self) -> String {
        let slug = slug(self.name.as_str());
        if slug.is_empty() { self.id.to_string() } else { slug }
    }
}

/// Returns the projects of a company, by name.
pub async fn list(connection: &mut Connection, company: &CompanyId) -> Result<Vec<Project>, DatabaseError> {
    let sql = "SELECT id, name, created_at FROM projects WHERE company = $1 ORDER BY name";
    connection.query(sql, &[company.into()]).await?.iter().map(project).collect()
}

pub(super) async fn find(
    connection: &mut Connection,
    company: &CompanyId,
    id: &ProjectId,
) -> Result<Project, StoreError> {
    let sql = "SELECT id, name, created_at FROM projects WHERE company = $1 AND id = $2";
    let row = connection.query_opt(sql, &[company.into(), id.into()]).await?;
    Ok(project(&row.ok_or(StoreError::NotFound)?)?)
}

fn project(row: &Row) -> Result<Project, DatabaseError> {
    Ok(Project { id: row.get("id")?, name: row.get("name")?, created_at: row.get("created_at")? })
}

/// Creates a project.
pub async fn create(transaction: &mut Transaction, act: Act<'_>, name: &Name) -> Result<Project, StoreError> {
    let project = Project { id: ProjectId::generate(), name: name.clone(), created_at: seconds(act.now) };
    let inserted = transaction.execute(
        "INSERT INTO projects (id, company, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        &[(&project.id).into(), act.company.into(), name.into(), project.created_at.into()],
    ).await?;
    if inserted == 0 {
        return Err(StoreError::NameTaken);
    }
    audit_log::append(transaction, act, Action::CreatedProject, None, name.as_str()).await?;
    Ok(project)
}
