-- Ids of changed records, with the number of the transaction that changed them. A null id stands for all records.
-- The number has 64 bits and is never that of a subtransaction, unlike the system column xmin.
CREATE TABLE IF NOT EXISTS api_key_changes (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id  text COLLATE "C"
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_insert_threshold = -1,
    autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX IF NOT EXISTS api_key_changes_xid ON api_key_changes (xid);

-- One row. Rows of the log with a number below pruned_below may be gone. Each new history gets another identity.
CREATE TABLE IF NOT EXISTS api_key_log (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    pruned_below xid8    NOT NULL DEFAULT '0',
    history      uuid    NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO api_key_log DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION log_changed_api_keys() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    ids text[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        ids := ARRAY[NULL];
    ELSIF TG_LEVEL = 'ROW' THEN
        IF TG_OP = 'INSERT' THEN
            ids := ARRAY[NEW.id];
        ELSIF TG_OP = 'DELETE' THEN
            ids := ARRAY[OLD.id];
        -- ids and projects are compared byte by byte, even if their columns ignore case
        ELSIF (OLD.id::text COLLATE "C", OLD.digest, OLD.project::text COLLATE "C", OLD.scopes,
               OLD.not_before, OLD.expires_at, OLD.retires_at, OLD.revoked_at)
            IS DISTINCT FROM
              (NEW.id::text COLLATE "C", NEW.digest, NEW.project::text COLLATE "C", NEW.scopes,
               NEW.not_before, NEW.expires_at, NEW.retires_at, NEW.revoked_at) THEN
            ids := ARRAY[OLD.id, NEW.id];
        END IF;
    ELSIF TG_OP = 'INSERT' THEN
        ids := ARRAY(SELECT id FROM new_keys LIMIT 10001);
    ELSIF TG_OP = 'DELETE' THEN
        ids := ARRAY(SELECT id FROM old_keys LIMIT 10001);
    ELSE
        -- if an id changed, the old and the new one are each in one table only, so both are logged
        ids := ARRAY(
            SELECT coalesce(o.id, n.id)
            FROM old_keys AS o FULL JOIN new_keys AS n ON o.id::text COLLATE "C" = n.id::text COLLATE "C"
            WHERE (o.id::text COLLATE "C", o.digest, o.project::text COLLATE "C", o.scopes,
                   o.not_before, o.expires_at, o.retires_at, o.revoked_at)
                IS DISTINCT FROM
                  (n.id::text COLLATE "C", n.digest, n.project::text COLLATE "C", n.scopes,
                   n.not_before, n.expires_at, n.retires_at, n.revoked_at)
            LIMIT 10001
        );
    END IF;
    IF cardinality(ids) > 10000 THEN
        ids := ARRAY[NULL];
    END IF;
    INSERT INTO api_key_changes (id) SELECT DISTINCT unnest(ids);
    RETURN NULL;
END
$$;
-- without this, any user could call the function from a trigger of their own and write into this log
REVOKE ALL ON FUNCTION log_changed_api_keys() FROM PUBLIC;
-- the function finds its tables in this schema, whatever the session's search_path is; temporary tables come last
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION log_changed_api_keys() SET search_path = %I, pg_temp', current_schema());
END
$$;

DROP TRIGGER IF EXISTS api_keys_inserted ON api_keys;
CREATE TRIGGER api_keys_inserted AFTER INSERT ON api_keys
    REFERENCING NEW TABLE AS new_keys
    FOR EACH STATEMENT EXECUTE FUNCTION log_changed_api_keys();
DROP TRIGGER IF EXISTS api_keys_updated ON api_keys;
CREATE TRIGGER api_keys_updated AFTER UPDATE ON api_keys
    REFERENCING OLD TABLE AS old_keys NEW TABLE AS new_keys
    FOR EACH STATEMENT EXECUTE FUNCTION log_changed_api_keys();
DROP TRIGGER IF EXISTS api_keys_deleted ON api_keys;
CREATE TRIGGER api_keys_deleted AFTER DELETE ON api_keys
    REFERENCING OLD TABLE AS old_keys
    FOR EACH STATEMENT EXECUTE FUNCTION log_changed_api_keys();
DROP TRIGGER IF EXISTS api_keys_truncated ON api_keys;
CREATE TRIGGER api_keys_truncated AFTER TRUNCATE ON api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION log_changed_api_keys();
-- logical replication fires the triggers of rows and of TRUNCATE, and no others
DROP TRIGGER IF EXISTS api_keys_replicated ON api_keys;
CREATE TRIGGER api_keys_replicated
    AFTER INSERT OR DELETE OR UPDATE OF id, digest, project, scopes, not_before, expires_at, retires_at, revoked_at
    ON api_keys FOR EACH ROW EXECUTE FUNCTION log_changed_api_keys();

-- ordinary triggers do not fire when session_replication_role is replica
ALTER TABLE api_keys ENABLE ALWAYS TRIGGER api_keys_inserted;
ALTER TABLE api_keys ENABLE ALWAYS TRIGGER api_keys_updated;
ALTER TABLE api_keys ENABLE ALWAYS TRIGGER api_keys_deleted;
ALTER TABLE api_keys ENABLE ALWAYS TRIGGER api_keys_truncated;
ALTER TABLE api_keys ENABLE REPLICA TRIGGER api_keys_replicated;
