//! The projects of a company. A key belongs to one of them.

use super::actor::Act;
use super::audit_log::{self, Action};
use super::company;
use super::free_text::searchable;
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
    pub updated_at: i64,
    /// The time when it was archived. From then on, all its keys have ended and it gets no new ones.
    pub archived_at: Option<i64>,
}

impl Project {
    /// Returns the form of the name for URLs, or the id if that form is empty.
    pub fn slug(&self) -> String {
        let slug = slug(self.name.as_str());
        if slug.is_empty() { self.id.to_string() } else { slug }
    }

    pub fn is_archived(&self) -> bool {
        self.archived_at.is_some()
    }

    /// Returns whether the name contains a text, in upper or lower case.
    pub fn has_text(&self, text: &str) -> bool {
        searchable(self.name.as_str()).contains(&searchable(text))
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, created_at, coalesce(updated_at, created_at) AS updated_at, archived_at FROM projects ",
            $rest
        )
    };
}

/// Returns the projects of a company by name, the archived ones after the others.
pub async fn list(connection: &mut Connection, company: &CompanyId) -> Result<Vec<Project>, DatabaseError> {
    let sql = select!("WHERE company = $1 ORDER BY archived_at IS NOT NULL, name");
    connection.query(sql, &[company.into()]).await?.iter().map(project).collect()
}

/// Returns a company's project.
pub async fn find(
    connection: &mut Connection,
    company: &CompanyId,
    id: &ProjectId,
) -> Result<Project, StoreError> {
    let sql = select!("WHERE company = $1 AND id = $2");
    let row = connection.query_opt(sql, &[company.into(), id.into()]).await?;
    Ok(project(&row.ok_or(StoreError::NotFound)?)?)
}

/// Returns a project that is not archived, and prevents others from archiving it until the end of the transaction.
pub(super) async fn find_active(
    transaction: &mut Transaction,
    company: &CompanyId,
    id: &ProjectId,
) -> Result<Project, StoreError> {
    if transaction.is_postgres() {
        transaction.query("SELECT id FROM projects WHERE id = $1 FOR SHARE", &[id.into()]).await?;
    }
    let project = find(transaction, company, id).await?;
    if project.is_archived() { Err(StoreError::Archived) } else { Ok(project) }
}

/// Returns the same as [`find`], and prevents others from changing the project or creating keys of it until the end
/// of the transaction.
pub(super) async fn find_for_change(
    transaction: &mut Transaction,
    company: &CompanyId,
    id: &ProjectId,
) -> Result<Project, StoreError> {
    if transaction.is_postgres() {
        let sql = "SELECT id FROM projects WHERE id = $1 FOR NO KEY UPDATE";
        transaction.query(sql, &[id.into()]).await?;
    }
    find(transaction, company, id).await
}

fn project(row: &Row) -> Result<Project, DatabaseError> {
    Ok(Project {
        id: row.get("id")?,
        name: row.get("name")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        archived_at: row.get("archived_at")?,
    })
}

/// Creates a project.
pub async fn create(transaction: &mut Transaction, act: Act<'_>, name: &Name) -> Result<Project, StoreError> {
    let (id, now) = (ProjectId::generate(), seconds(act.now));
    company::lock(transaction, act.company).await?;
    let inserted = transaction.execute(
        "INSERT INTO projects (id, company, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        &[(&id).into(), act.company.into(), name.into(), now.into()],
    ).await?;
    if inserted == 0 {
        return Err(StoreError::NameTaken);
    }
    audit_log::append(transaction, act, Action::CreatedProject, None, name.as_str()).await?;
    Ok(Project { id, name: name.clone(), created_at: now, updated_at: now, archived_at: None })
}

/// Gives a project another name. A project that has this name stays as it is.
pub async fn rename(
    transaction: &mut Transaction,
    act: Act<'_>,
    id: &ProjectId,
    name: &Name,
) -> Result<(), StoreError> {
    let project = find_for_change(transaction, act.company, id).await?;
    if project.name == *name {
        return Ok(());
    }
    // after this, nobody else can take the name
    company::lock(transaction, act.company).await?;
    let sql = "SELECT id FROM projects WHERE company = $1 AND name = $2";
    if transaction.query_opt(sql, &[act.company.into(), name.into()]).await?.is_some() {
        return Err(StoreError::NameTaken);
    }
    let sql = "UPDATE projects SET name = $2, updated_at = $3 WHERE id = $1";
    transaction.execute(sql, &[id.into(), name.into(), seconds(act.now).into()]).await?;
    let detail = format!("from {} to {name}", project.name);
    Ok(audit_log::append(transaction, act, Action::RenamedProject, None, &detail).await?)
}

/// Marks a project as archived.
pub(super) async fn set_archived(
    transaction: &mut Transaction,
    act: Act<'_>,
    project: &Project,
) -> Result<(), DatabaseError> {
    let sql = "UPDATE projects SET archived_at = $2, updated_at = $2 WHERE id = $1";
    transaction.execute(sql, &[(&project.id).into(), seconds(act.now).into()]).await?;
    audit_log::append(transaction, act, Action::ArchivedProject, None, project.name.as_str()).await
}
