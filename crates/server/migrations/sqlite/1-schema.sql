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

-- Set-up links, sessions of browsers, access tokens and refresh tokens. `digest` is the SHA-256 of the secret.
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

-- The first eight columns are those in the README of ctx-key. `form` is the idempotency key of the form that created the key.
CREATE TABLE api_keys (
    id           TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 12),
    digest       BLOB    NOT NULL CHECK (length(digest) = 32),
    project      TEXT    NOT NULL REFERENCES projects (id),
    scopes       INTEGER NOT NULL,
    not_before   INTEGER,
    expires_at   INTEGER,
    retires_at   INTEGER,
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

CREATE TABLE memories (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    project    TEXT    NOT NULL REFERENCES projects (id),
    title      TEXT,
    content    TEXT    NOT NULL,
    type       TEXT,
    tags       TEXT    NOT NULL,
    metadata   TEXT    NOT NULL,
    "user"     TEXT,
    language   TEXT,
    format     TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX memories_of_project ON memories (project, seq);

CREATE VIRTUAL TABLE memories_text USING fts5 (title, content, content='memories', content_rowid='seq');
CREATE TRIGGER memories_inserted AFTER INSERT ON memories BEGIN
    INSERT INTO memories_text (rowid, title, content) VALUES (new.seq, new.title, new.content);
END;
CREATE TRIGGER memories_deleted AFTER DELETE ON memories BEGIN
    INSERT INTO memories_text (memories_text, rowid, title, content) VALUES ('delete', old.seq, old.title, old.content);
END;
CREATE TRIGGER memories_updated AFTER UPDATE ON memories BEGIN
    INSERT INTO memories_text (memories_text, rowid, title, content) VALUES ('delete', old.seq, old.title, old.content);
    INSERT INTO memories_text (rowid, title, content) VALUES (new.seq, new.title, new.content);
END;

CREATE TABLE users (
    project    TEXT    NOT NULL REFERENCES projects (id),
    id         TEXT    NOT NULL,
    email      TEXT,
    name       TEXT,
    metadata   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (project, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    project    TEXT    NOT NULL,
    "user"     TEXT    NOT NULL,
    type       TEXT    NOT NULL,
    data       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    FOREIGN KEY (project, "user") REFERENCES users (project, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX events_of_user ON events (project, "user", seq);

CREATE TABLE chats (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    project    TEXT    NOT NULL REFERENCES projects (id),
    "user"     TEXT,
    title      TEXT,
    metadata   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX chats_of_project ON chats (project, seq);

CREATE TABLE messages (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    chat       TEXT    NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    role       TEXT    NOT NULL,
    content    TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_of_chat ON messages (chat, seq);
