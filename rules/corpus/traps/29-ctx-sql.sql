CREATE INDEX ctx_memories_project_id_created_at ON memories (project_id, created_at);
