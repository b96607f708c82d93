-- The word index, for searches. `word` is a hash of a project, a user and a word. `weight` is the weight of the word in the memory.
-- The older index `memories_text` stays, because servers of version 2 may still run.
CREATE TABLE memory_words (
    word   bigint  NOT NULL,
    memory bigint  NOT NULL,
    weight integer NOT NULL,
    PRIMARY KEY (word, memory) INCLUDE (weight)
);
CREATE INDEX memory_words_of_memory ON memory_words (memory);

-- Memories whose words are missing or out of date, whichever server wrote them.
CREATE TABLE memories_without_words (
    memory bigint PRIMARY KEY
);

CREATE FUNCTION memory_words_missing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO memories_without_words (memory) VALUES (new.seq) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE FUNCTION memory_words_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM memory_words WHERE memory = old.seq;
    DELETE FROM memories_without_words WHERE memory = old.seq;
    RETURN NULL;
END $$;
CREATE TRIGGER memory_words_missing AFTER INSERT ON memories FOR EACH ROW EXECUTE FUNCTION memory_words_missing();
CREATE TRIGGER memory_words_outdated AFTER UPDATE OF project, title, content, "user" ON memories FOR EACH ROW
    WHEN ((old.project, old.title, old.content, old."user") IS DISTINCT FROM (new.project, new.title, new.content, new."user"))
    EXECUTE FUNCTION memory_words_missing();
CREATE TRIGGER memory_words_deleted AFTER DELETE ON memories FOR EACH ROW EXECUTE FUNCTION memory_words_deleted();
INSERT INTO memories_without_words (memory) SELECT seq FROM memories;
