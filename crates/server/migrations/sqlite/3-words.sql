-- The word index, for searches. `word` is a hash of a project, a user and a word. `weight` is the weight of the word in the memory.
-- The older index `memories_text` stays, because servers of version 2 may still run.
CREATE TABLE memory_words (
    word   INTEGER NOT NULL,
    memory INTEGER NOT NULL,
    weight INTEGER NOT NULL,
    PRIMARY KEY (word, memory)
) STRICT, WITHOUT ROWID;
CREATE INDEX memory_words_of_memory ON memory_words (memory);

-- Memories whose words are missing or out of date, whichever server wrote them.
CREATE TABLE memories_without_words (
    memory INTEGER PRIMARY KEY
) STRICT;
INSERT INTO memories_without_words (memory) SELECT seq FROM memories;

CREATE TRIGGER memory_words_missing AFTER INSERT ON memories BEGIN
    INSERT OR IGNORE INTO memories_without_words (memory) VALUES (new.seq);
END;
CREATE TRIGGER memory_words_outdated AFTER UPDATE OF project, title, content, "user" ON memories
WHEN (old.project, old.title, old.content, old."user") IS NOT (new.project, new.title, new.content, new."user") BEGIN
    INSERT OR IGNORE INTO memories_without_words (memory) VALUES (new.seq);
END;
CREATE TRIGGER memory_words_deleted AFTER DELETE ON memories BEGIN
    DELETE FROM memory_words WHERE memory = old.seq;
    DELETE FROM memories_without_words WHERE memory = old.seq;
END;
