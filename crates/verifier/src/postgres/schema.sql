CREATE TABLE IF NOT EXISTS api_keys (
    id           text    COLLATE "C" PRIMARY KEY CHECK (length(id) = 12),
    digest       bytea   NOT NULL CHECK (length(digest) = 32),
    project      text    NOT NULL,
    scopes       integer NOT NULL,
    -- seconds since the Unix epoch
    not_before   bigint,
    expires_at   bigint,
    retires_at   bigint,
    revoked_at   bigint,
    last_used_at bigint
);
