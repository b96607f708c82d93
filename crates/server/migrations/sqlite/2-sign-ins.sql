-- Settings that the servers and the commands share.
CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Tokens of one sign-in share `family`. A refresh token that was used is kept, with `spent_at`.
ALTER TABLE credentials ADD COLUMN family TEXT;
ALTER TABLE credentials ADD COLUMN spent_at INTEGER;
CREATE INDEX credentials_by_expiry ON credentials (expires_at);
CREATE INDEX credentials_of_account ON credentials (account, kind) WHERE account IS NOT NULL;
CREATE INDEX credentials_of_family ON credentials (family, spent_at) WHERE family IS NOT NULL;

-- Access tokens of programs. `digest` is the SHA-256 of the token.
CREATE TABLE access_tokens (
    id           TEXT    NOT NULL PRIMARY KEY,
    digest       BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    company      TEXT    NOT NULL REFERENCES companies (id),
    name         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX access_tokens_of_company ON access_tokens (company, created_at);

-- For counting the keys of a project that have not ended. The end of a key is its expiry or the end of its overlap, whichever is
-- earlier.
CREATE INDEX api_keys_by_end ON api_keys (
    project,
    coalesce(CASE WHEN retires_at < expires_at OR expires_at IS NULL THEN retires_at ELSE expires_at END, 9223372036854775807)
) WHERE revoked_at IS NULL;
