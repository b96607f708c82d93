//! The examples' store of records, which is in memory. `crates/verifier/README.md` has a server with SQLite.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use ctx_key::{ApiKey, KeyId, KeyRecord, Scope, UnixTime};
use ctx_key_verifier::{Changed, Changes, LookedUp, Options, Source, SourceError, Verifier};

/// A store of records, and a verifier that uses it. Clones share both.
#[derive(Clone, Debug)]
pub struct Store {
    records: Records,
    verifier: Verifier<Records>,
}

/// Creates an empty store. It needs a tokio runtime, in which the verifier reads the change log.
impl Default for Store {
    fn default() -> Self {
        let records = Records::default();
        Self { verifier: Verifier::new(records.clone(), Options::default()), records }
    }
}

impl Store {
    /// Generates a key of a project and stores its record.
    pub fn issue(&self, project: &str, scopes: Scope) -> ApiKey {
        let key = ApiKey::generate();
        self.put(KeyRecord::new(&key, project.to_owned(), scopes));
        key
    }

    /// Stores a record. A record with the same id is replaced.
    pub fn put(&self, record: KeyRecord<String>) {
        let id = record.id;
        self.records.put(record);
        self.verifier.invalidate(id);
    }

    /// Returns the record with this id.
    pub fn find(&self, id: KeyId) -> Option<KeyRecord<String>> {
        self.records.read().by_id.get(&id).cloned()
    }

    /// Returns the verifier. A stored record takes effect for it at once.
    pub fn verifier(&self) -> &Verifier<Records> {
        &self.verifier
    }
}

/// The records and their change log.
#[derive(Clone, Debug, Default)]
pub struct Records(Arc<RwLock<Table>>);

#[derive(Debug, Default)]
struct Table {
    by_id: HashMap<KeyId, KeyRecord<String>>,
    log: Vec<KeyId>,
}

impl Records {
    fn put(&self, record: KeyRecord<String>) {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.log.push(record.id);
        table.by_id.insert(record.id, record);
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Records {
    type Project = String;
    /// Length of the change log.
    type Cursor = usize;

    async fn look_up(&self, ids: &[KeyId]) -> Result<LookedUp<String, usize>, SourceError> {
        let table = self.read();
        let records = ids.iter().filter_map(|id| table.by_id.get(id)).cloned().collect();
        Ok(LookedUp { records, corrupt: Vec::new(), cursor: table.log.len() })
    }

    async fn changes_since(&self, cursor: Option<&usize>) -> Result<Changes<usize>, SourceError> {
        let log = &self.read().log;
        let since = cursor.copied().unwrap_or(log.len());
        Ok(Changes { changed: Changed::Keys(log[since..].to_vec()), cursor: log.len() })
    }

    async fn record_uses(&self, _: &[(KeyId, UnixTime)]) -> Result<Vec<KeyId>, SourceError> {
        Ok(Vec::new())
    }
}
