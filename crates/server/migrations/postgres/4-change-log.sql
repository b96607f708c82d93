-- The change log of the verifier takes the place of notifications: a NOTIFY in a trigger slows changes down, and is lost
-- behind a pooler. The log itself is `ctx_key_verifier::postgres::CHANGE_LOG`, which is applied after this.
DROP TRIGGER tell_api_key ON api_keys;
DROP FUNCTION tell_api_key();
