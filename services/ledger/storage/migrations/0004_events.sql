-- What was accepted, from where, and how far each partition of the log has been applied.

CREATE TABLE lianyun.topic (
    no   smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text     NOT NULL UNIQUE COLLATE "C"
);

-- The ledger of the log. A batch moves a row from exactly its first offset under exactly its epoch, in the transaction
-- that stores its events; a claim raises the epoch. So an offset is applied once, by the latest claimer.
CREATE TABLE lianyun.kafka_offset (
    topic         text    NOT NULL COLLATE "C",
    part          integer NOT NULL,
    topic_id      text,                  -- the broker's id of the topic that is being read
    beginning     bigint  NOT NULL,      -- where reading began
    next_offset   bigint  NOT NULL,      -- always beginning + events + refused + holes
    events        bigint  NOT NULL DEFAULT 0,  -- records that were admitted, duplicates included
    refused       bigint  NOT NULL DEFAULT 0,  -- records that became dead letters
    holes         bigint  NOT NULL DEFAULT 0,  -- offsets under which the log has no record
    epoch         bigint  NOT NULL,
    owner         text    NOT NULL,
    backend       integer NOT NULL,      -- the claimer's session, so that a frozen one can be ended
    backend_start timestamptz NOT NULL,
    claimed       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (topic, part)
) WITH (fillfactor = 50);

CREATE TABLE lianyun.fence_log (
    no    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    owner text NOT NULL,
    what  text NOT NULL
);

-- Event numbers come in blocks, one per transaction. They depend on arrival, have gaps, and are no reading position.
CREATE SEQUENCE lianyun.event_block AS bigint INCREMENT BY 4096 MINVALUE 4096;

-- One row per transaction that accepted events. Whoever reads in order reads rows whose xid lies below
-- pg_snapshot_xmin(pg_current_snapshot()), by (xid, first_no): nothing can appear before them any more.
CREATE TABLE lianyun.batch (
    xid      xid8        NOT NULL DEFAULT pg_current_xact_id(),
    first_no bigint      NOT NULL,
    events   integer     NOT NULL,   -- stored by it: new ones and variants
    taken    integer     NOT NULL,   -- admitted records of the log that it brought, duplicates included; 0 for a redrive
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (xid, first_no)
);

-- Each (source, id) once, with the content that came first.
CREATE TABLE lianyun.identity (
    id      uuid   PRIMARY KEY,
    content uuid   NOT NULL,
    no      bigint NOT NULL
);

-- Further contents under an id that was taken: its publisher equivocates.
CREATE TABLE lianyun.variant (
    id      uuid   NOT NULL,
    content uuid   NOT NULL,
    no      bigint NOT NULL,
    PRIMARY KEY (id, content)
);

-- Events signed by a key from the moment on that the key stopped counting: as if they had never been accepted.
CREATE TABLE lianyun.quarantine (
    no bigint PRIMARY KEY
);

-- The message as published, first contents and variants. Only grows; old partitions may be detached.
CREATE TABLE lianyun.body (
    no       bigint   NOT NULL,
    appended bigint   NOT NULL,   -- the broker's time, UTC microseconds
    "offset" bigint   NOT NULL,
    key_id   bigint   NOT NULL,   -- the 16 hexadecimal digits of the key id as a signed number
    id       uuid     NOT NULL,
    content  uuid     NOT NULL,
    registry integer  NOT NULL,   -- version of the registry by which it was admitted
    rules    smallint NOT NULL,   -- version of the rules of admission
    topic    smallint NOT NULL,
    part     smallint NOT NULL,
    headers  bytea    NOT NULL,
    payload  bytea    NOT NULL
) PARTITION BY RANGE (no);

-- Generations of the state: one is CURRENT; the next is built beside it and takes over in one transaction.
CREATE TABLE lianyun.generation (
    number       integer PRIMARY KEY,
    fold_version text    NOT NULL,
    state        text    NOT NULL CHECK (state IN ('BUILDING', 'CURRENT', 'RETIRED')),
    since        timestamptz NOT NULL DEFAULT clock_timestamp(),
    left_xid     xid8         -- of a retired one: what transactions from this one on accepted is not in it
);
CREATE UNIQUE INDEX generation_current ON lianyun.generation (state) WHERE state = 'CURRENT';
