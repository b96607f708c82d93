//! Archiving a project: [`archive`].

use super::actor::Act;
use super::id::ProjectId;
use super::store_error::StoreError;
use super::{api_key, project};
use crate::database::Transaction;

/// Archives a project, revokes its keys that have not ended, and returns the number of these keys. An archived project
/// stays as it is.
pub async fn archive(
    transaction: &mut Transaction,
    act: Act<'_>,
    id: &ProjectId,
) -> Result<usize, StoreError> {
    let project = project::find_for_change(transaction, act.company, id).await?;
    if project.is_archived() {
        return Ok(0);
    }
    let revoked = api_key::revoke_all(transaction, act, id).await?;
    project::set_archived(transaction, act, &project).await?;
    Ok(revoked)
}
