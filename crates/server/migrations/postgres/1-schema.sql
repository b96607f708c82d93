CREATE TABLE accounts (
    id         text COLLATE "C" PRIMARY KEY,
    email      text   NOT NULL UNIQUE,
    password   text   NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE companies (
    id         text COLLATE "C" PRIMARY KEY,
    account    text COLLATE "C" NOT NULL UNIQUE REFERENCES accounts (id),
    name       text   NOT NULL,
    slug       text   NOT NULL,
    created_at bigint NOT NULL
);

-- Set-up links, sessions of browsers, access tokens and refresh tokens. `digest` is the SHA-256 of the secret.
CREATE TABLE credentials (
    digest     bytea  PRIMARY KEY CHECK (length(digest) = 32),
    kind       text   NOT NULL,
    account    text COLLATE "C" REFERENCES accounts (id),
    expires_at bigint NOT NULL
);

CREATE TABLE projects (
    id         text COLLATE "C" PRIMARY KEY,
    company    text COLLATE "C" NOT NULL REFERENCES companies (id),
    name       text   NOT NULL,
    created_at bigint NOT NULL,
    UNIQUE (company, name)
);

-- The first eight columns are those in the README of ctx-key. `form` is the idempotency key of the form that created the key.
CREATE TABLE api_keys (
    id           text COLLATE "C" PRIMARY KEY CHECK (length(id) = 12),
    digest       bytea   NOT NULL CHECK (length(digest) = 32),
    project      text COLLATE "C" NOT NULL REFERENCES projects (id),
    scopes       integer NOT NULL,
    not_before   bigint,
    expires_at   bigint,
    retires_at   bigint,
    revoked_at   bigint,
    name         text    NOT NULL,
    created_at   bigint  NOT NULL,
    updated_at   bigint  NOT NULL,
    last_used_at bigint,
    form         text    UNIQUE
);
CREATE INDEX api_keys_of_project ON api_keys (project);

CREATE TABLE audit_log (
    seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      bigint NOT NULL,
    company text COLLATE "C" NOT NULL REFERENCES companies (id),
    actor   text   NOT NULL,
    action  text   NOT NULL,
    key     text COLLATE "C",
    detail  text   NOT NULL
);
CREATE INDEX audit_log_of_company ON audit_log (company, seq);

CREATE TABLE memories (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text COLLATE "C" NOT NULL UNIQUE,
    project    text COLLATE "C" NOT NULL REFERENCES projects (id),
    title      text,
    content    text   NOT NULL,
    type       text,
    tags       text   NOT NULL,
    metadata   text   NOT NULL,
    "user"     text COLLATE "C",
    language   text,
    format     text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE INDEX memories_of_project ON memories (project, seq);
CREATE INDEX memories_text ON memories USING gin (to_tsvector('simple', coalesce(title, '') || ' ' || content));

CREATE TABLE users (
    project    text COLLATE "C" NOT NULL REFERENCES projects (id),
    id         text COLLATE "C" NOT NULL,
    email      text,
    name       text,
    metadata   text   NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (project, id)
);

CREATE TABLE events (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text COLLATE "C" NOT NULL UNIQUE,
    project    text COLLATE "C" NOT NULL,
    "user"     text COLLATE "C" NOT NULL,
    type       text   NOT NULL,
    data       text   NOT NULL,
    created_at bigint NOT NULL,
    FOREIGN KEY (project, "user") REFERENCES users (project, id) ON DELETE CASCADE
);
CREATE INDEX events_of_user ON events (project, "user", seq);

CREATE TABLE chats (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text COLLATE "C" NOT NULL UNIQUE,
    project    text COLLATE "C" NOT NULL REFERENCES projects (id),
    "user"     text COLLATE "C",
    title      text,
    metadata   text   NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE INDEX chats_of_project ON chats (project, seq);

CREATE TABLE messages (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text COLLATE "C" NOT NULL UNIQUE,
    chat       text COLLATE "C" NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    role       text   NOT NULL,
    content    text   NOT NULL,
    created_at bigint NOT NULL
);
CREATE INDEX messages_of_chat ON messages (chat, seq);
