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

-- Set-up links, sessions of browsers, access and refresh tokens: of each the SHA-256.
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

-- The first seven columns are those of ctx-key's README. `form` is the one-time token of the form that made the key.
CREATE TABLE api_keys (
    id           text COLLATE "C" PRIMARY KEY CHECK (length(id) = 12),
    digest       bytea   NOT NULL CHECK (length(digest) = 32),
    project      text COLLATE "C" NOT NULL REFERENCES projects (id),
    scopes       integer NOT NULL,
    not_before   bigint,
    expires_at   bigint,
    revoked_at   bigint,
    name         text    NOT NULL,
    created_at   bigint  NOT NULL,
    updated_at   bigint  NOT NULL,
    last_used_at bigint,
    form         text    UNIQUE
);
CREATE INDEX api_keys_of_project ON api_keys (project);

-- Whoever changes what a key is worth, another process or psql, tells all processes.
CREATE FUNCTION tell_api_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('api_keys', COALESCE(NEW.id, OLD.id));
    RETURN NULL;
END
$$;
CREATE TRIGGER tell_api_key
    AFTER INSERT OR DELETE OR UPDATE OF id, digest, project, scopes, not_before, expires_at, revoked_at ON api_keys
    FOR EACH ROW EXECUTE FUNCTION tell_api_key();

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
