-- deploy: after
-- From this version of the registry on every key comes with proof that its owner holds the private half; those before may lack it.
CREATE TABLE lianyun.key_possession (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    since   bigint  NOT NULL   -- keys of versions above this one are proven
);
INSERT INTO lianyun.key_possession (since) SELECT version FROM lianyun.registry_version;

CREATE TRIGGER final BEFORE UPDATE OR DELETE ON lianyun.key_possession
    FOR EACH ROW EXECUTE FUNCTION lianyun.registry_event_is_final();
CREATE TRIGGER final_as_a_whole BEFORE TRUNCATE ON lianyun.key_possession
    FOR EACH STATEMENT EXECUTE FUNCTION lianyun.registry_event_is_final();
