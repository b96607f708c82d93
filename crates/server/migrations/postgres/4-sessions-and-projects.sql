-- The time, the address and the agent of the sign-in, and the last use, for sessions of browsers and tokens of programs.
ALTER TABLE credentials ADD COLUMN created_at bigint;
ALTER TABLE credentials ADD COLUMN last_used_at bigint;
ALTER TABLE credentials ADD COLUMN address text;
ALTER TABLE credentials ADD COLUMN agent text;

-- The address of the client, if the change came over the network.
ALTER TABLE audit_log ADD COLUMN address text;
-- The actor, the key, the detail and the address in the form for searches. Neither database folds the letters of all scripts.
ALTER TABLE audit_log ADD COLUMN search text;
CREATE INDEX audit_log_of_key ON audit_log (company, key) WHERE key IS NOT NULL;
-- The detail of a rotation is `by`, a space and the id of the successor.
CREATE INDEX audit_log_of_successor ON audit_log (company, substr(detail, 4, 12)) WHERE action = 'rotated';

ALTER TABLE projects ADD COLUMN updated_at bigint;
ALTER TABLE projects ADD COLUMN archived_at bigint;
