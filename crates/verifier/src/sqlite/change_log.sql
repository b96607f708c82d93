-- The ids of changed keys. SQLite has one writer at a time, so the numbers are in the order of the commits. A row without
-- an id says that every key may have changed: insert one after a change that triggers do not see.
CREATE TABLE IF NOT EXISTS api_key_changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id  TEXT
) STRICT;

-- Rows of the log with smaller numbers than pruned_below may be missing. Each new log has another history.
CREATE TABLE IF NOT EXISTS api_key_log (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    pruned_below INTEGER NOT NULL DEFAULT 0,
    history      BLOB    NOT NULL DEFAULT (randomblob(16)) CHECK (length(history) = 16)
) STRICT;
INSERT OR IGNORE INTO api_key_log (one) VALUES (1);

CREATE TRIGGER IF NOT EXISTS api_key_inserted AFTER INSERT ON api_keys BEGIN
    INSERT INTO api_key_changes (id) VALUES (new.id);
END;

-- Ids and projects are compared byte by byte, even if their columns ignore case or spaces.
CREATE TRIGGER IF NOT EXISTS api_key_updated
    AFTER UPDATE OF id, digest, project, scopes, not_before, expires_at, retires_at, revoked_at ON api_keys
    WHEN old.id IS NOT new.id COLLATE BINARY
        OR old.digest IS NOT new.digest
        OR old.project IS NOT new.project COLLATE BINARY
        OR old.scopes IS NOT new.scopes
        OR old.not_before IS NOT new.not_before
        OR old.expires_at IS NOT new.expires_at
        OR old.retires_at IS NOT new.retires_at
        OR old.revoked_at IS NOT new.revoked_at
BEGIN
    INSERT INTO api_key_changes (id) SELECT old.id WHERE old.id IS NOT new.id COLLATE BINARY;
    INSERT INTO api_key_changes (id) VALUES (new.id);
END;

CREATE TRIGGER IF NOT EXISTS api_key_deleted AFTER DELETE ON api_keys BEGIN
    INSERT INTO api_key_changes (id) VALUES (old.id);
END;

CREATE TRIGGER IF NOT EXISTS api_key_change_kept BEFORE DELETE ON api_key_changes
    WHEN old.seq >= (SELECT pruned_below FROM api_key_log)
BEGIN
    SELECT RAISE(ABORT, 'api_key_changes is pruned by the verifier: raise api_key_log.pruned_below first');
END;
