-- A partner's operator sees what its party published, the latest first, and asks for refused messages to be judged again.

-- By key and append time; `lianyun db migrate` builds the same index on the partitions that there are.
CREATE OR REPLACE FUNCTION lianyun.make_body_partition(index bigint, first bigint, bound bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := 'body_' || index;
BEGIN
    IF to_regclass('lianyun.' || name) IS NOT NULL THEN
        RETURN;
    END IF;
    -- Made beside the table and attached under a lock that does not stop writers.
    EXECUTE format('CREATE TABLE lianyun.%I (LIKE lianyun.body, CHECK (no >= %s AND no < %s), PRIMARY KEY (no))',
                   name, first, bound);
    EXECUTE format('CREATE INDEX ON lianyun.%I USING brin (appended)', name);
    EXECUTE format('CREATE INDEX %I ON lianyun.%I (key_id, appended, no)', name || '_published', name);
    EXECUTE format('ALTER TABLE lianyun.body ATTACH PARTITION lianyun.%I FOR VALUES FROM (%s) TO (%s)',
                   name, first, bound);
    -- The check spared the attachment a scan; the partition's own bounds say the same.
    EXECUTE format('ALTER TABLE lianyun.%I DROP CONSTRAINT %I', name, name || '_no_check');
END
$$;

-- What people asked to be redriven, by their issuer and pseudonym; a worker does it. One per letter and turn: a form that is sent twice asks
-- once. What came of it is an action on the letter. Times are UTC microseconds.
CREATE TABLE lianyun.redrive_request (
    no        bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest    bytea   NOT NULL CHECK (octet_length(digest) = 32),
    turn      integer NOT NULL,
    publisher text    NOT NULL,
    issuer    text    NOT NULL,
    person    uuid    NOT NULL,
    requested bigint  NOT NULL,
    done      bigint,
    outcome   text,
    UNIQUE (digest, turn)
);
CREATE INDEX redrive_request_open ON lianyun.redrive_request (no) WHERE done IS NULL;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.redrive_request FROM lianyun_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_pages') THEN
        GRANT SELECT, INSERT ON lianyun.redrive_request TO lianyun_pages;
    END IF;
END
$$;
