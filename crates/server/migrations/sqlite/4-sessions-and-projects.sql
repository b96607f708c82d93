-- Of a session of a browser, and of the tokens of a program's sign-in: where it began, and its last use.
ALTER TABLE credentials ADD COLUMN created_at INTEGER;
ALTER TABLE credentials ADD COLUMN last_used_at INTEGER;
ALTER TABLE credentials ADD COLUMN address TEXT;
ALTER TABLE credentials ADD COLUMN agent TEXT;

-- The address of whoever did it, if it came over the network.
ALTER TABLE audit_log ADD COLUMN address TEXT;

ALTER TABLE projects ADD COLUMN updated_at INTEGER;
ALTER TABLE projects ADD COLUMN archived_at INTEGER;
