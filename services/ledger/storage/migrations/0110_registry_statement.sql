-- deploy: before
-- What two administrators, or the root key, have signed about the registry: one chain of statements, each over the digest of the one
-- before. Empty where no root key is configured.
CREATE TABLE lianyun.registry_statement (
    number     bigint PRIMARY KEY CHECK (number > 0), -- 1, 2, 3, ... without gaps
    version    bigint NOT NULL,                       -- of the registry, after it
    text       text   NOT NULL,                       -- the signed bytes: JSON in its one form
    signatures text[] NOT NULL                        -- in the form of a signature header each
);
CREATE FUNCTION lianyun.registry_statement_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'statements on the registry are never changed or removed: sign a new one';
END
$$;
CREATE TRIGGER final BEFORE UPDATE OR DELETE ON lianyun.registry_statement
    FOR EACH ROW EXECUTE FUNCTION lianyun.registry_statement_is_final();
CREATE TRIGGER final_as_a_whole BEFORE TRUNCATE ON lianyun.registry_statement
    FOR EACH STATEMENT EXECUTE FUNCTION lianyun.registry_statement_is_final();
INSERT INTO lianyun.audit_head (register, entries, digest) VALUES ('registry_statement', 0, '') ON CONFLICT DO NOTHING;
