CREATE TABLE accounts (
    id         TEXT    NOT NULL PRIMARY KEY,
    email      TEXT    NOT NULL UNIQUE,
    password   TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE companies (
    id         TEXT    NOT NULL PRIMARY KEY,
    account    TEXT    NOT NULL UNIQUE REFERENCES accounts (id),
    name       TEXT    NOT NULL,
    slug       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Set-up links, sessions of browsers, access and refresh tokens: of each the SHA-256.
CREATE TABLE credentials (
    digest     BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    kind       TEXT    NOT NULL,
    account    TEXT    REFERENCES accounts (id),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE projects (
    id         TEXT    NOT NULL PRIMARY KEY,
    company    TEXT    NOT NULL REFERENCES companies (id),
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (company, name)
) STRICT, WITHOUT ROWID;

-- The first seven columns are those of ctx-key's README. `form` is the one-time token of the form that made the key.
CREATE TABLE api_keys (
    id           TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 12),
    digest       BLOB    NOT NULL CHECK (length(digest) = 32),
    project      TEXT    NOT NULL REFERENCES projects (id),
    scopes       INTEGER NOT NULL,
    not_before   INTEGER,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    name         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    form         TEXT    UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_of_project ON api_keys (project);

CREATE TABLE audit_log (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    company TEXT    NOT NULL REFERENCES companies (id),
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    key     TEXT,
    detail  TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_log_of_company ON audit_log (company, seq);
