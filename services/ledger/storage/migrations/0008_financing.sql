-- Financing: decisions taken once, what is held under which keys, and where the facts about it are found.
-- No row holds a key of the registry of fingerprints, nor a field that a fingerprint was made of.

-- One registry key with one normaliser. Open versions are written and looked at, closed ones only looked at, and only
-- while an entry under them is held.
CREATE TABLE lianyun.financing_version (
    number     smallint PRIMARY KEY,
    key_id     text     NOT NULL,   -- digest of the key, by which a process proves that it has it
    normaliser smallint NOT NULL,
    open       boolean  NOT NULL DEFAULT true,
    since      timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Decisions in the order in which they were taken on one encumbrance; never changed, never taken again.
CREATE SEQUENCE lianyun.financing_number AS bigint;
CREATE TABLE lianyun.financing_decision (
    number       bigint  PRIMARY KEY,
    xid          xid8    NOT NULL DEFAULT pg_current_xact_id(),
    position     bigint  NOT NULL,  -- transactions below it were all seen
    before       bigint,            -- the latest earlier decision on what is involved
    at           bigint  NOT NULL,  -- the moment under the lock, UTC microseconds
    action       text    NOT NULL COLLATE "C",
    outcome      text    NOT NULL COLLATE "C",
    asked_by     text    NOT NULL COLLATE "C",
    idempotency  text    NOT NULL COLLATE "C",
    asked        uuid    NOT NULL,  -- digest of the request
    request      uuid,              -- the signed event that asked
    financing    text    NOT NULL COLLATE "C",
    application  text    COLLATE "C",
    applicant    text    COLLATE "C",
    product      text    COLLATE "C",
    interest     text    COLLATE "C",
    amount       bigint,
    currency     text    COLLATE "C",
    until        bigint,
    frees        text[]  NOT NULL,
    notices      text[]  NOT NULL,
    guard        text    NOT NULL COLLATE "C",
    satisfied_by text    NOT NULL,
    rules        text    NOT NULL,
    headers      bytea   NOT NULL,  -- the decision as an event of the platform, signed by its key
    payload      bytea   NOT NULL,
    UNIQUE (asked_by, idempotency)
);
CREATE INDEX financing_decision_xid ON lianyun.financing_decision (xid, number);
CREATE INDEX financing_decision_request ON lianyun.financing_decision (request) WHERE request IS NOT NULL;

-- Which decisions changed a financing: its own, and those of others that freed it.
CREATE TABLE lianyun.financing_touched (
    financing uuid   NOT NULL,
    number    bigint NOT NULL,
    PRIMARY KEY (financing, number)
);

-- What a financing holds, or held, under keyed digests of its papers.
CREATE TABLE lianyun.financing_entry (
    financing uuid     NOT NULL,
    version   smallint NOT NULL,
    kind      smallint NOT NULL,
    digest    uuid     NOT NULL,
    name      text     NOT NULL COLLATE "C",  -- of the financing
    measure   text     COLLATE "C",           -- null: all of it
    part      bigint,
    whole     bigint,
    near      bigint[] NOT NULL,
    freed     bigint,                         -- the decision that freed it
    PRIMARY KEY (financing, version, kind, digest)
);
CREATE INDEX financing_entry_held ON lianyun.financing_entry (digest) WHERE freed IS NULL;
CREATE INDEX financing_entry_version ON lianyun.financing_entry (version) WHERE freed IS NULL;

-- The consignments that a financing is of, as they are called now or were when it was reserved.
CREATE TABLE lianyun.financing_cargo (
    consignment uuid NOT NULL,
    financing   uuid NOT NULL,
    key         text NOT NULL COLLATE "C",
    PRIMARY KEY (consignment, financing)
);
CREATE INDEX financing_cargo_financing ON lianyun.financing_cargo (financing);

-- Where events about an application, a financing or the control of a note are found; all other facts are at their objects.
CREATE TABLE lianyun.financing_word (
    subject uuid   NOT NULL,
    no      bigint NOT NULL,
    PRIMARY KEY (subject, no)
);

-- What other registries answered.
CREATE TABLE lianyun.financing_external (
    financing uuid   NOT NULL,
    registry  text   NOT NULL COLLATE "C",
    at        bigint NOT NULL,
    finding   text   NOT NULL CHECK (finding IN ('CLEAR', 'HIT', 'UNAVAILABLE')),
    PRIMARY KEY (financing, registry, at)
);
