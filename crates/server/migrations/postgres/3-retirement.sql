-- The eighth column of the table in ctx-key's README: the end of the overlap of a rotation.
ALTER TABLE api_keys ADD COLUMN retires_at bigint;
