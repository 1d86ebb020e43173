-- What publishers posted in a conformance run, of the latest runs of each party: bounded, and nothing is derived from it.
CREATE TABLE lianyun.conformance_attempt (
    party   text    NOT NULL COLLATE "C",
    run     text    NOT NULL COLLATE "C" CHECK (length(run) BETWEEN 1 AND 32),
    no      bigint  NOT NULL GENERATED ALWAYS AS IDENTITY,
    at      bigint  NOT NULL,                     -- UTC microseconds
    event   text    NOT NULL CHECK (length(event) <= 256),
    content bytea,                                -- digest of the signed bytes; null where it had not the form of an event
    events  integer NOT NULL CHECK (events > 0),  -- of the same request
    reason  text    NOT NULL,                     -- '' where it was forwarded
    detail  text    NOT NULL CHECK (length(detail) <= 1000),
    pointer text    NOT NULL CHECK (length(pointer) <= 300),
    remedy  text    NOT NULL CHECK (length(remedy) <= 1000),
    PRIMARY KEY (party, run, no)
);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_worker') THEN
        REVOKE ALL ON lianyun.conformance_attempt FROM lianyun_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.conformance_attempt FROM lianyun_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_api') THEN
        GRANT SELECT, INSERT, DELETE ON lianyun.conformance_attempt TO lianyun_api;
    END IF;
END
$$;
