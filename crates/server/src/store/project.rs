//! The projects of a company. A key belongs to one of them.

use ctx_key::UnixTime;

use super::audit_log;
use super::new_id;
use super::store_error::StoreError;
use crate::clock::seconds;
use crate::database::{Connection, DatabaseError, Transaction};

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    pub id: String,
    pub name: String,
}

/// The projects of a company, by name.
pub async fn list(connection: &mut Connection, company: &str) -> Result<Vec<Project>, DatabaseError> {
    let sql = "SELECT id, name FROM projects WHERE company = $1 ORDER BY name";
    let rows = connection.query(sql, &[company.into()]).await?;
    rows.into_iter().map(|row| Ok(Project { id: row.get("id")?, name: row.get("name")? })).collect()
}

pub(super) async fn find(
    connection: &mut Connection,
    company: &str,
    id: &str,
) -> Result<Project, StoreError> {
    let sql = "SELECT id, name FROM projects WHERE company = $1 AND id = $2";
    let row = connection.query_opt(sql, &[company.into(), id.into()]).await?.ok_or(StoreError::NotFound)?;
    Ok(Project { id: row.get("id")?, name: row.get("name")? })
}

/// Makes a project.
pub async fn create(
    transaction: &mut Transaction,
    company: &str,
    actor: &str,
    name: &str,
) -> Result<Project, StoreError> {
    let project = Project { id: new_id("proj"), name: name.to_owned() };
    let inserted = transaction.execute(
        "INSERT INTO projects (id, company, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        &[(&project.id).into(), company.into(), name.into(), seconds(UnixTime::now()).into()],
    ).await?;
    if inserted == 0 {
        return Err(StoreError::NameTaken);
    }
    audit_log::append(transaction, company, actor, "created project", None, name).await?;
    Ok(project)
}
