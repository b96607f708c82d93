-- Of a session of a browser, and of the tokens of a program's sign-in: where it began, and its last use.
ALTER TABLE credentials ADD COLUMN created_at bigint;
ALTER TABLE credentials ADD COLUMN last_used_at bigint;
ALTER TABLE credentials ADD COLUMN address text;
ALTER TABLE credentials ADD COLUMN agent text;

-- The address of whoever did it, if it came over the network.
ALTER TABLE audit_log ADD COLUMN address text;
-- Who, the key, the detail and the address, as they are searched. Neither database folds the letters of all scripts.
ALTER TABLE audit_log ADD COLUMN search text;
CREATE INDEX audit_log_of_key ON audit_log (company, key) WHERE key IS NOT NULL;
-- A rotation names the successor after `by` and a space.
CREATE INDEX audit_log_of_successor ON audit_log (company, substr(detail, 4, 12)) WHERE action = 'rotated';

ALTER TABLE projects ADD COLUMN updated_at bigint;
ALTER TABLE projects ADD COLUMN archived_at bigint;
