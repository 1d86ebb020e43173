-- deploy: before
-- The names of objects in the order of their spelling, so that the beginning of an identifier finds them. Made from the accepted events by
-- whoever follows them; events know objects by digests only.
CREATE TABLE lianyun.object_name (
    spelled text     NOT NULL COLLATE "C",  -- upper case, look-alikes as one character, letters and digits only
    kind    smallint NOT NULL,
    key     text     NOT NULL COLLATE "C",  -- the whole key in canonical spelling
    PRIMARY KEY (spelled, kind, key)
);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_cases') THEN
        GRANT INSERT ON lianyun.object_name TO lianyun_cases;
    END IF;
END
$$;
