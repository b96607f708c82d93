//! Companies, which own projects and keys: [`Company`].

use super::free_text::comparable;
use super::id::CompanyId;
use super::name::Name;
use super::slug::slug;
use crate::database::{DatabaseError, Row, Transaction};

/// The owner of projects and keys.
#[derive(Clone, Debug)]
pub struct Company {
    pub id: CompanyId,
    pub name: Name,
    /// A short name for paths. No other company has it.
    pub slug: String,
}

/// Prevents others from counting the keys and tokens of this company, or naming a project of it, until the end of the
/// transaction. SQLite needs no lock, because it has one writer at a time.
pub(super) async fn lock(transaction: &mut Transaction, company: &CompanyId) -> Result<(), DatabaseError> {
    if transaction.is_postgres() {
        let sql = "SELECT id FROM companies WHERE id = $1 FOR NO KEY UPDATE";
        transaction.query(sql, &[company.into()]).await?;
    }
    Ok(())
}

/// Returns a slug that no company has, or `None` if a company of this name exists.
pub(super) async fn free_slug(
    transaction: &mut Transaction,
    name: &Name,
) -> Result<Option<String>, DatabaseError> {
    let key = comparable(name.as_str());
    let slug = slug_of_company(&key);
    // names that compare as equal have the same slug, apart from the number
    let sql = "SELECT name, slug FROM companies WHERE slug = $1 OR slug LIKE $2";
    let rows = transaction.query(sql, &[(&slug).into(), format!("{slug}-%").into()]).await?;
    let company = |row: &Row| Ok((row.get("name")?, row.get("slug")?));
    let companies: Vec<(Name, String)> = rows.iter().map(company).collect::<Result<_, DatabaseError>>()?;
    if companies.iter().any(|(name, _)| comparable(name.as_str()) == key) {
        return Ok(None);
    }
    let numbered = (2_u64..).map(|number| format!("{slug}-{number}"));
    let is_free = |slug: &String| companies.iter().all(|(_, taken)| taken != slug);
    Ok(std::iter::once(slug.clone()).chain(numbered).find(is_free))
}

/// Returns the slug of a name. It is never empty.
fn slug_of_company(name: &str) -> String {
    let slug = slug(name);
    if slug.is_empty() { "company".to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_a_part_of_a_path() {
        for (name, expected) in
            [("example, inc.", "example-inc"), ("b\u{fc}ro 7", "b-ro-7"), ("\u{6771}\u{4eac}", "company")]
        {
            assert_eq!(slug_of_company(name), expected);
        }
    }
}
