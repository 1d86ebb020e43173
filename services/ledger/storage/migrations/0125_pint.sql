-- deploy: before
-- The exchange of documents with other platforms: who they are, which platform controls a document, and the transfers.

-- Platforms and carriers whose signatures count, and where platforms answer.
CREATE TABLE lianyun.pint_platform (
    code     text   PRIMARY KEY COLLATE "C",
    name     text   NOT NULL,
    url      text,                           -- of its PINT API, without /v3; null: a carrier, who only signs
    register text   UNIQUE,                  -- of its control tracking registry; null: it has none
    keys     jsonb  NOT NULL,                -- public keys as JWKs
    at       bigint NOT NULL,                -- when this entry was made, UTC microseconds
    "by"     text   NOT NULL
);
-- The register of control: steps that platforms signed, numbered without gaps; of two at once one has the number.
CREATE TABLE lianyun.pint_step (
    document bytea  NOT NULL CHECK (octet_length(document) = 32), -- SHA-256 of the transport document in canonical form
    number   integer NOT NULL CHECK (number >= 0),
    platform text   NOT NULL COLLATE "C",    -- who signed it
    signed   text   NOT NULL,                -- JWS in compact form
    at       bigint NOT NULL,
    PRIMARY KEY (document, number)
);
-- Transfers in and out, by the checksum of the last entry of the envelope's chain.
CREATE TABLE lianyun.pint_transfer (
    entry    bytea  PRIMARY KEY CHECK (octet_length(entry) = 32),
    document bytea  NOT NULL,
    outward  boolean NOT NULL,
    platform text   NOT NULL COLLATE "C",    -- the other one
    register text   NOT NULL,                -- the URI of the register that guards it
    state    text   NOT NULL CHECK (state IN ('PENDING', 'ACCEPTED', 'REFUSED')),
    envelope bytea  NOT NULL,                -- as sent or received
    response text,                           -- the receiver's signed answer
    at       bigint NOT NULL,
    settled  bigint,
    CHECK ((state = 'PENDING') = (settled IS NULL)),
    CHECK (state <> 'ACCEPTED' OR response IS NOT NULL)
) WITH (fillfactor = 70);
CREATE INDEX pint_transfer_document ON lianyun.pint_transfer (document, at);
CREATE UNIQUE INDEX pint_transfer_pending ON lianyun.pint_transfer (document) WHERE outward AND state = 'PENDING';
-- Files that go with documents, by SHA-256.
CREATE TABLE lianyun.pint_file (
    checksum bytea PRIMARY KEY CHECK (checksum = sha256(content)),
    content  bytea NOT NULL,
    at       bigint NOT NULL
);

CREATE FUNCTION lianyun.pint_step_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'steps of the register of control are never changed or removed';
END
$$;
CREATE TRIGGER final BEFORE DELETE OR UPDATE ON lianyun.pint_step
    FOR EACH ROW EXECUTE FUNCTION lianyun.pint_step_is_final();
CREATE TRIGGER final_as_a_whole BEFORE TRUNCATE ON lianyun.pint_step
    FOR EACH STATEMENT EXECUTE FUNCTION lianyun.pint_step_is_final();

-- `lianyun exchange serve` runs with the role of the API, which decides on documents as well; platforms are entered by an operator.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_worker') THEN
        REVOKE INSERT, UPDATE, DELETE, TRUNCATE
            ON lianyun.pint_platform, lianyun.pint_step, lianyun.pint_transfer, lianyun.pint_file FROM lianyun_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.pint_transfer, lianyun.pint_file FROM lianyun_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_api') THEN
        GRANT SELECT ON lianyun.pint_platform TO lianyun_api;
        GRANT SELECT, INSERT ON lianyun.pint_step, lianyun.pint_file TO lianyun_api;
        GRANT SELECT, INSERT, UPDATE ON lianyun.pint_transfer TO lianyun_api;
    END IF;
END
$$;
