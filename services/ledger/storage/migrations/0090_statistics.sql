-- deploy: before
-- Statistics as published, and on which position in the ledger each publication rests. Rows are never changed; hidden cells have none.
CREATE TABLE lianyun.statistics_publication (
    month       integer  NOT NULL,           -- since January 1970, UTC
    revision    smallint NOT NULL CHECK (revision IN (1, 2)),
    final       boolean  NOT NULL,
    as_of       bigint   NOT NULL,           -- UTC microseconds
    xid         xid8     NOT NULL,           -- what transactions below it had accepted
    definitions text     NOT NULL,           -- the version of their table
    PRIMARY KEY (month, revision)
);

CREATE TABLE lianyun.statistics_figure (
    month      integer  NOT NULL,
    revision   smallint NOT NULL,
    definition text     NOT NULL COLLATE "C",
    corridor   text     NOT NULL COLLATE "C",  -- "" is all of them
    part       text     NOT NULL COLLATE "C",  -- a border, a currency, or ""
    counted    bigint,
    low        bigint,
    middle     bigint   NOT NULL,
    high       bigint,
    events     bigint   NOT NULL,
    inputs     bytea    NOT NULL,              -- SHA-256 of the events' ids
    PRIMARY KEY (month, revision, definition, corridor, part),
    FOREIGN KEY (month, revision) REFERENCES lianyun.statistics_publication
);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_arrival') THEN
        GRANT SELECT, INSERT ON lianyun.statistics_publication, lianyun.statistics_figure TO lianyun_arrival;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        GRANT SELECT ON lianyun.statistics_publication, lianyun.statistics_figure TO lianyun_reader;
    END IF;
END
$$;
