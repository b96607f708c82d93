//! The statements of the source. Each is complete in itself, and none changes the session.
//!
//! `LIMIT 1` on the table of one row is for the planner. Without it, the planner expects 1,540 rows, and so much work that
//! PostgreSQL compiles the statement (`jit_above_cost`), which takes a second.
//!
//! The statements return only types that tokio-postgres knows: it would have to ask the server for any other, in round
//! trips of their own.

/// The identity of the history that the numbers of transactions belong to. Each part is there for a case in which numbers
/// are used again or the log is another one: a restart, a crash of one process of the server (the cumulative statistics
/// are reset then, but the server does not restart), a failover, another database, a restored log.
///
/// The parts are cheap functions, because look-ups return them too. Times are whole microseconds, since their text depends
/// on the session.
macro_rules! history {
    () => {
        "concat_ws(' ', \
           (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, \
           (extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()) * 1000000)::bigint, \
           CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END, \
           current_database(), history)"
    };
}

/// `$1`: ids.
///
/// Returns one row without an `id`, which holds the snapshot, and a row with an `id` for each record that was found. Both
/// parts see the same snapshot, because they are one statement.
pub(super) const LOOK_UP: &str = concat!(
    "(SELECT pg_is_in_recovery() AS standby, pg_current_snapshot()::text AS transactions, ",
    history!(),
    " AS history, NULL AS id, NULL::bytea AS digest, NULL AS project, NULL::bigint AS scopes, \
       NULL::bigint AS not_before, NULL::bigint AS expires_at, NULL::bigint AS retires_at, NULL::bigint AS revoked_at \
     FROM api_key_log LIMIT 1) \
     UNION ALL \
     SELECT NULL, NULL, NULL, id::text, digest::bytea, project::text, scopes::bigint, not_before::bigint, \
       expires_at::bigint, retires_at::bigint, revoked_at::bigint \
     FROM api_keys WHERE id = ANY ($1)"
);

/// `$1` and `$2`: the ranges of the log that the last snapshot did not see. `$1` holds their first numbers, and `$2` the
/// numbers just after them, or null for a range without an end. `$3`: the history of that snapshot, or null.
///
/// A number that this snapshot does not see either is left out, because an open transaction can have many rows. `ORDER
/// BY` makes the planner use the index, whatever it assumes about the table.
///
/// `log` is the identity of the cluster, the database, the tables, and the triggers with their function. The column
/// `xmin` of the catalog changes with every change of a table or a trigger, even if the change is undone later. The `xmin`
/// of `api_keys` is not needed, because the server refuses to change a column that a trigger names.
///
/// `is_foreign`: the log has rows with numbers that this cluster has not reached, or is pruned up to such a number. It
/// was restored from another cluster.
pub(super) const CHANGES: &str = concat!(
    "WITH seen AS MATERIALIZED (SELECT pg_is_in_recovery() AS standby, \
       pg_current_snapshot() AS snapshot, pg_snapshot_xmax(pg_current_snapshot()) AS next, ",
    history!(),
    " AS history, pruned_below FROM (SELECT) AS always LEFT JOIN api_key_log ON true LIMIT 1) \
     SELECT standby, snapshot::text AS transactions, history, pruned_below::text, triggers.count AS triggers, \
       ARRAY( \
         SELECT id FROM unnest($1::xid8[], $2::xid8[]) AS part (low, high) CROSS JOIN LATERAL ( \
           SELECT id FROM api_key_changes WHERE xid >= low AND xid < coalesce(high, next) ORDER BY xid LIMIT 20001 \
         ) AS visible \
         WHERE high IS NULL OR pg_visible_in_snapshot(low, snapshot) LIMIT 20001 \
       ) AS ids, \
       pruned_below IS NULL OR pruned_below > next OR (history IS DISTINCT FROM $3 AND EXISTS ( \
         SELECT FROM (SELECT FROM api_key_changes WHERE xid >= next ORDER BY xid LIMIT 1) AS future \
       )) AS is_foreign, \
       concat_ws(' ', \
         (SELECT system_identifier FROM pg_control_system()), \
         (SELECT oid FROM pg_database WHERE datname = current_database()), \
         (SELECT string_agg(concat_ws(' ', oid, xmin), ' ' ORDER BY oid) FROM pg_class \
           WHERE oid IN ('api_key_changes'::regclass, 'api_key_log'::regclass)), \
         'api_keys'::regclass::oid, triggers.identity, \
         (SELECT concat_ws(' ', oid, xmin) FROM pg_proc WHERE oid = 'log_changed_api_keys()'::regprocedure) \
       ) AS log \
     FROM seen CROSS JOIN ( \
       SELECT count(*) FILTER ( \
           WHERE tgenabled = CASE tgname WHEN 'api_keys_replicated' THEN 'R' ELSE 'A' END) AS count, \
         string_agg(concat_ws(' ', oid, xmin), ' ' ORDER BY oid) AS identity \
       FROM pg_trigger \
       WHERE tgrelid = 'api_keys'::regclass AND tgfoid = 'log_changed_api_keys()'::regprocedure \
     ) AS triggers"
);

/// Ends the history of a log that was restored from another cluster: its rows and its mark have the numbers of that one.
///
/// A visible row from the future was not written by a transaction of this cluster, so no lock is needed.
pub(super) const REPAIR: &str = "WITH deleted AS ( \
       DELETE FROM api_key_changes WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())) \
     INSERT INTO api_key_log DEFAULT VALUES \
       ON CONFLICT (one) DO UPDATE SET pruned_below = DEFAULT, history = DEFAULT";

/// `$1`: a number below which every transaction ended some time ago. `$2`: the history that the number belongs to.
pub(super) const PRUNE: &str = concat!(
    "WITH mark AS (UPDATE api_key_log SET pruned_below = $1::xid8 \
       WHERE pruned_below < $1::xid8 AND ",
    history!(),
    " = $2 RETURNING pruned_below) \
     DELETE FROM api_key_changes USING mark WHERE xid < mark.pruned_below"
);

/// `$1`: ids, each once. `$2`: the time of each.
///
/// Returns the ids whose rows are locked elsewhere. It never waits for a row, so it is never part of a deadlock.
pub(super) const RECORD_USES: &str = "WITH uses AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::bigint[]) AS u (id, at)), \
     due AS MATERIALIZED (SELECT k.id, uses.at FROM uses JOIN api_keys AS k USING (id) \
       WHERE k.last_used_at IS NULL OR k.last_used_at < uses.at), \
     free AS MATERIALIZED (SELECT k.id, uses.at FROM uses JOIN api_keys AS k USING (id) \
       WHERE k.last_used_at IS NULL OR k.last_used_at < uses.at FOR NO KEY UPDATE OF k SKIP LOCKED), \
     updated AS (UPDATE api_keys AS k SET last_used_at = free.at FROM free WHERE k.id = free.id) \
     SELECT id::text FROM due WHERE id NOT IN (SELECT id FROM free)";
