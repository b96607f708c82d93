-- One row for each key. The source reads these columns and writes last_used_at. A table can have more columns.
--
-- Without rowid, because the API of incremental blob I/O, which triggers do not see, refuses such a table.
CREATE TABLE IF NOT EXISTS api_keys (
    id           TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 12),
    digest       BLOB    NOT NULL CHECK (length(digest) = 32),
    project      TEXT    NOT NULL,
    scopes       INTEGER NOT NULL,
    not_before   INTEGER,
    expires_at   INTEGER,
    retires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
