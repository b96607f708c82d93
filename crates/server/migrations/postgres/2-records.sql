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
