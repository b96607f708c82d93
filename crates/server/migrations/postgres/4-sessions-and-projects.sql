-- Of a session of a browser, and of the tokens of a program's sign-in: where it began, and its last use.
ALTER TABLE credentials ADD COLUMN created_at bigint;
ALTER TABLE credentials ADD COLUMN last_used_at bigint;
ALTER TABLE credentials ADD COLUMN address text;
ALTER TABLE credentials ADD COLUMN agent text;

-- The address of whoever did it, if it came over the network.
ALTER TABLE audit_log ADD COLUMN address text;

ALTER TABLE projects ADD COLUMN updated_at bigint;
ALTER TABLE projects ADD COLUMN archived_at bigint;
