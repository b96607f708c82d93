-- Settings of the servers, for the commands that run beside them.
CREATE TABLE settings (
    name  text PRIMARY KEY,
    value text NOT NULL
);

-- Tokens of one sign-in share `family`. A refresh token that was used stays, with `spent_at`.
ALTER TABLE credentials ADD COLUMN family text COLLATE "C";
ALTER TABLE credentials ADD COLUMN spent_at bigint;
CREATE INDEX credentials_by_expiry ON credentials (expires_at);
CREATE INDEX credentials_of_account ON credentials (account, kind) WHERE account IS NOT NULL;
CREATE INDEX credentials_of_family ON credentials (family) WHERE family IS NOT NULL;

-- Access tokens of programs: of each the SHA-256.
CREATE TABLE access_tokens (
    id           text COLLATE "C" PRIMARY KEY,
    digest       bytea  NOT NULL UNIQUE CHECK (length(digest) = 32),
    company      text COLLATE "C" NOT NULL REFERENCES companies (id),
    name         text   NOT NULL,
    created_at   bigint NOT NULL,
    expires_at   bigint,
    last_used_at bigint
);
CREATE INDEX access_tokens_of_company ON access_tokens (company, created_at);
