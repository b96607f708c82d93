//! Where the examples keep records: in memory. `examples/quickstart.rs` of the library has a database.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ctx_key::{ApiKey, KeyId, KeyRecord, Scope};

/// Records by id. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Store(Arc<RwLock<HashMap<KeyId, KeyRecord<String>>>>);

impl Store {
    /// A new key of a project, and its record in the store.
    pub fn issue(&self, project: &str, scopes: Scope) -> ApiKey {
        let key = ApiKey::generate();
        self.put(KeyRecord::new(&key, project.to_owned(), scopes));
        key
    }

    /// Stores a record, in place of the one with its id.
    pub fn put(&self, record: KeyRecord<String>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(record.id, record);
    }

    /// The record of this id.
    pub fn find(&self, id: KeyId) -> Option<KeyRecord<String>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}
