-- The schema of the release at level 27, as its migrations 0001 to 0027 made it (baseline.toml names them).
-- What holds for every generation of the state lives in the schema lianyun; a generation's own tables in g<number>.

-- Texts behind the 64-bit numbers that state rows carry instead of them: places and codes of parties.
CREATE TABLE lianyun.term (
    number bigint PRIMARY KEY,   -- first 8 bytes of SHA-256 of the text, signed; 0 stands for the empty text
    text   text   NOT NULL
);

-- Findings of the platform about itself that operators must be able to look up later.
CREATE TABLE lianyun.platform_event (
    no     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind   text  NOT NULL,
    detail jsonb NOT NULL
);

-- Who may speak. The events are the truth and only grow; the other tables are their fold, for reading and joining.
-- All times are UTC microseconds since 1970.

CREATE TABLE lianyun.registry_event (
    version bigint PRIMARY KEY,      -- 1, 2, 3, ... without gaps: the registry's version after this event
    kind    text   NOT NULL CHECK (kind IN ('party_added', 'party_amended', 'key_added', 'key_rotated', 'key_revoked')),
    at      bigint NOT NULL,         -- when it was registered, by the clock of whoever registered it
    by      text   NOT NULL,         -- who registered it
    body    jsonb  NOT NULL
);

CREATE FUNCTION lianyun.registry_event_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'registry events are never changed or removed: add a new one';
END
$$;

CREATE TRIGGER final BEFORE UPDATE OR DELETE ON lianyun.registry_event
    FOR EACH ROW EXECUTE FUNCTION lianyun.registry_event_is_final();
CREATE TRIGGER final_as_a_whole BEFORE TRUNCATE ON lianyun.registry_event
    FOR EACH STATEMENT EXECUTE FUNCTION lianyun.registry_event_is_final();

-- One row. Batches hold it FOR SHARE until they commit, changes FOR UPDATE: no event is admitted under a registry
-- that had been replaced when the event was committed.
CREATE TABLE lianyun.registry_version (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint  NOT NULL
);
INSERT INTO lianyun.registry_version (version) VALUES (0);

-- The newest shape of each party.
CREATE TABLE lianyun.party (
    no        integer PRIMARY KEY,   -- how claims and links name their publisher
    code      text    NOT NULL UNIQUE,
    name      text    NOT NULL,
    roles     text[]  NOT NULL,
    countries text[]  NOT NULL,
    managers  text[]  NOT NULL,
    places    text[]  NOT NULL,
    topics    text[]  NOT NULL,
    sources   text[]  NOT NULL,
    since     bigint  NOT NULL,      -- counts for what was appended from then on
    version   bigint  NOT NULL       -- of the registry, which brought this shape
);

-- Earlier shapes of amended parties.
CREATE TABLE lianyun.party_earlier (
    party     integer NOT NULL REFERENCES lianyun.party (no),
    version   bigint  NOT NULL,
    since     bigint  NOT NULL,
    name      text    NOT NULL,
    roles     text[]  NOT NULL,
    countries text[]  NOT NULL,
    managers  text[]  NOT NULL,
    places    text[]  NOT NULL,
    topics    text[]  NOT NULL,
    sources   text[]  NOT NULL,
    PRIMARY KEY (party, version)
);

-- Every source that a party ever had, for it keeps them.
CREATE TABLE lianyun.party_source (
    source text    PRIMARY KEY,
    party  integer NOT NULL REFERENCES lianyun.party (no)
);

CREATE TABLE lianyun.party_key (
    key_id            text    PRIMARY KEY CHECK (key_id ~ '^[0-9a-f]{16}$'),
    party             integer NOT NULL REFERENCES lianyun.party (no),
    scheme            text    NOT NULL,
    public_key        bytea   NOT NULL,
    not_before        bigint  NOT NULL,
    not_after         bigint,
    revoked_at        bigint,
    compromised_since bigint
);

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
    no  bigint PRIMARY KEY,
    xid xid8   NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX quarantine_xid ON lianyun.quarantine (xid, no);

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

-- Partitions of the events' bodies are made by whoever owns the table, on behalf of writers who may only write.

CREATE FUNCTION lianyun.make_body_partition(index bigint, first bigint, bound bigint) RETURNS void
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
    EXECUTE format('ALTER TABLE lianyun.body ATTACH PARTITION lianyun.%I FOR VALUES FROM (%s) TO (%s)',
                   name, first, bound);
    -- The check spared the attachment a scan; the partition's own bounds say the same.
    EXECUTE format('ALTER TABLE lianyun.%I DROP CONSTRAINT %I', name, name || '_no_check');
END
$$;

-- Generations of the state: one is CURRENT; the next is built beside it and takes over in one transaction.
CREATE TABLE lianyun.generation (
    number       integer PRIMARY KEY,
    fold_version text    NOT NULL,
    state        text    NOT NULL CHECK (state IN ('BUILDING', 'CURRENT', 'RETIRED')),
    since        timestamptz NOT NULL DEFAULT clock_timestamp(),
    left_xid     xid8         -- of a retired one: what transactions from this one on accepted is not in it
);
CREATE UNIQUE INDEX generation_current ON lianyun.generation (state) WHERE state = 'CURRENT';

-- Which worker process holds which static membership of a consumer group, and until when.

CREATE TABLE lianyun.worker_slot (
    worker_group text        NOT NULL COLLATE "C",
    slot         integer     NOT NULL CHECK (slot >= 0),
    owner        text        NOT NULL,  -- whoever restarts the process: it gets its slot back at once
    holder       uuid        NOT NULL,  -- the process
    leased_until timestamptz NOT NULL,
    PRIMARY KEY (worker_group, slot)
);

-- Messages that were not accepted, once per content, with their raw bytes. All times are UTC microseconds since 1970.

CREATE TABLE lianyun.dead_letter (
    digest          bytea   PRIMARY KEY CHECK (octet_length(digest) = 32),  -- SHA-256 over headers and value, untruncated
    state           text    NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'REDRIVEN', 'DISCARDED', 'REPLACED')),
    publisher       text    NOT NULL,  -- the party's code; the topic where no party is known
    event           uuid,              -- the event's id, only where the signature was verified
    reason          text    NOT NULL,
    detail          text    NOT NULL,
    pointer         text    NOT NULL,
    remedy          text    NOT NULL,
    count           bigint  NOT NULL CHECK (count > 0),
    headers         bytea   NOT NULL,  -- framed: services/admission/raw.py
    value           bytea,             -- null where the record had none, or where it was not kept
    value_bytes     bigint,            -- the value's full length; null where the record had none
    truncated       boolean NOT NULL,  -- headers or value are not kept whole; the broker still has them for a while
    first_append    bigint  NOT NULL,
    first_topic     text    NOT NULL COLLATE "C",
    first_partition integer NOT NULL,
    first_offset    bigint  NOT NULL,
    last_append     bigint  NOT NULL,
    last_topic      text    NOT NULL COLLATE "C",
    last_partition  integer NOT NULL,
    last_offset     bigint  NOT NULL
);
CREATE INDEX dead_letter_last ON lianyun.dead_letter (last_append, digest);
-- A publisher asks what became of an event under its identity; letters know it where the signature was verified.
CREATE INDEX dead_letter_event ON lianyun.dead_letter (event) WHERE event IS NOT NULL;
-- Letters are counted without reading them.
CREATE INDEX dead_letter_tally ON lianyun.dead_letter (publisher, reason, state) INCLUDE (event, count);
CREATE INDEX dead_letter_open ON lianyun.dead_letter (publisher, first_append) WHERE state = 'OPEN';

-- What was done about a letter, and with what outcome: only grows, and goes with the letter.
CREATE TABLE lianyun.dead_letter_outcome (
    no      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest  bytea  NOT NULL REFERENCES lianyun.dead_letter (digest) ON DELETE CASCADE,
    at      bigint NOT NULL,
    by      text   NOT NULL,
    action  text   NOT NULL CHECK (action IN ('redrive', 'discard', 'replace')),
    outcome text   NOT NULL,
    detail  text   NOT NULL
);
CREATE INDEX dead_letter_outcome_digest ON lianyun.dead_letter_outcome (digest, no);

-- How much of the store one publisher's letters take, so that a flood of garbage is bounded without counting rows.
CREATE TABLE lianyun.dead_letter_usage (
    publisher text   PRIMARY KEY,
    letters   bigint NOT NULL,
    bytes     bigint NOT NULL
);

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
-- Whose reservations stand at which bank: a refusal elsewhere speaks against an applicant only where it has one itself.
CREATE INDEX financing_decision_reserved ON lianyun.financing_decision (applicant, number) WHERE action = 'RESERVE';

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

-- Where each financing stands as far as other writers need it: a cache of the decisions, compared by fsck.
CREATE TABLE lianyun.financing_hold (
    financing uuid    PRIMARY KEY,
    name      text    NOT NULL COLLATE "C",
    blocks    boolean NOT NULL,   -- it blocks the release of its cargo while it is pledged
    pledged   boolean NOT NULL,
    ended     boolean NOT NULL
);
-- A bank's financings by its own references, in order.
CREATE INDEX financing_hold_name ON lianyun.financing_hold (name);
-- Whether anybody holds a pledge at all: links that become known late are looked at for pledged cargo only.
CREATE INDEX financing_hold_pledged ON lianyun.financing_hold (financing) WHERE pledged AND NOT ended;
-- Of the financings that ever were, only those that hold something are counted.
CREATE INDEX financing_hold_open ON lianyun.financing_hold (pledged) WHERE NOT ended;

-- Facts about cargo that whoever holds a pledge in it has to look at; only grows, in the transaction that stores the fact.
CREATE TABLE lianyun.financing_watch (
    financing uuid   NOT NULL,
    no        bigint NOT NULL,
    xid       xid8   NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (financing, no)
);
CREATE INDEX financing_watch_xid ON lianyun.financing_watch (xid, no);

-- Alerts that a bank said through the API that it has seen; signed events that say so count beside them.
CREATE TABLE lianyun.financing_acknowledged (
    financing uuid   NOT NULL,
    alert     uuid   NOT NULL,
    at        bigint NOT NULL,      -- UTC microseconds
    client    text   NOT NULL COLLATE "C",
    remark    text   NOT NULL,
    PRIMARY KEY (financing, alert)
);

-- Events that ask for a decision (a request about cargo, a step of a financing), until it was taken.
CREATE TABLE lianyun.financing_asked (
    no       bigint PRIMARY KEY,    -- of the event
    answered bigint,                -- number of the decision; 0 where none was to be taken
    fault    text,                  -- why the decision failed: it lets the others pass
    again    timestamptz            -- when it is tried again
);
CREATE INDEX financing_asked_open ON lianyun.financing_asked (no) WHERE answered IS NULL;
CREATE INDEX financing_asked_answered ON lianyun.financing_asked (answered);

-- What a decision on financing depends on: found, locked in the order of every writer, and found again, in one round trip.

-- The consignments (as their groups are called) and fingerprints that a request is about. Without things of its own it is
-- about the cargo of its financings, without fingerprints about those that its own financing holds.
CREATE FUNCTION lianyun.financing_scope(
    named uuid[], kinds smallint[], financings uuid[], own uuid, prints uuid[],
    OUT things uuid[], OUT consignments uuid[], OUT digests uuid[]
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    things := named;
    IF cardinality(named) = 0 THEN
        SELECT coalesce(array_agg(DISTINCT c.consignment), '{}') INTO things
        FROM lianyun.financing_cargo c WHERE c.financing = ANY (financings);
    END IF;
    IF kinds <@ '{1}' THEN
        SELECT coalesce(array_agg(DISTINCT h.cons), '{}') INTO consignments
        FROM unnest(things) AS d (id)
        LEFT JOIN lianyun.canonical k ON k.cons = d.id
        JOIN lianyun.head h ON h.cons = coalesce(k.canonical, d.id)
        WHERE h.founded;
    ELSE
        WITH RECURSIVE down (id, kind, lo, hi) AS (
            SELECT n.id, n.kind, -4611686018427387904, 4611686018427387904 FROM unnest(named, kinds) AS n (id, kind)
            UNION
            SELECT l.right_id, l.right_kind, greatest(d.lo, l.start_at), least(d.hi, l.until)
            FROM down d JOIN lianyun.link l ON l.left_id = d.id
            WHERE d.kind <> 1 AND l.kind <> 8 AND NOT l.dead AND l.start_at < d.hi AND l.until > d.lo
        )
        SELECT coalesce(array_agg(DISTINCT h.cons), '{}') INTO consignments
        FROM down d
        LEFT JOIN lianyun.canonical k ON k.cons = d.id
        JOIN lianyun.head h ON h.cons = coalesce(k.canonical, d.id)
        WHERE d.kind = 1 AND h.founded;
    END IF;
    digests := prints;
    IF cardinality(prints) = 0 THEN
        SELECT coalesce(array_agg(DISTINCT e.digest), '{}') INTO digests
        FROM lianyun.financing_entry e WHERE e.financing = own AND e.freed IS NULL;
    END IF;
END
$$;

-- Locks registry, versions of fingerprints, heads and keys in this order and keeps them until the transaction ends. Each
-- statement of it sees what was committed before that statement, so what is found behind the locks nobody else can change.
-- Nothing is locked but registry and versions where the versions are not those by which the fingerprints were made
-- ("steady" is null then); "steady" is false where the scope changed while it was locked. Rows behind the locks are read by
-- statements that come after it; lianyun.consignments, lianyun.involved and lianyun.subjects tell them, in this transaction, what is
-- locked and whose words are asked for.
CREATE FUNCTION lianyun.financing_hold_all(
    named uuid[], kinds smallint[], financings uuid[], own uuid, prints uuid[],
    made_by text[],     -- the versions, as they are returned
    further bigint[],   -- keys of the request itself
    told uuid[],        -- subjects of words that it tells
    disposes boolean,   -- it is about the cargo, whoever financed it
    asker text, called text, event uuid,    -- who asks, under which name or by which event
    OUT registry bigint, OUT versions text[], OUT consignments uuid[], OUT involved uuid[],
    OUT moment bigint, OUT "position" bigint, OUT number bigint, OUT steady boolean,
    OUT ruled boolean, OUT answered boolean, OUT repeated boolean   -- whether such rows are there at all
) LANGUAGE plpgsql AS $$
DECLARE
    before record;
    behind record;
BEGIN
    -- Walks of few steps get no memory for millions.
    PERFORM set_config('work_mem', '128kB', true),
            set_config('lianyun.consignments', '{}', true), set_config('lianyun.involved', '{}', true),
            set_config('lianyun.subjects', '{}', true);
    -- Whoever changes either takes its table for itself; a lock of single rows would be written to them each time.
    LOCK TABLE lianyun.registry_version IN ROW SHARE MODE;
    LOCK TABLE lianyun.financing_version IN ROW SHARE MODE;
    -- Every version that is open, or under which something is held: the least from one on is one step into the index.
    SELECT (SELECT r.version FROM lianyun.registry_version r), array_agg(
        concat_ws(' ', v.number, v.key_id, v.normaliser, v.open::integer) ORDER BY v.number
    ) INTO registry, versions
    FROM lianyun.financing_version v
    WHERE v.open OR v.number = (
        SELECT min(e.version) FROM lianyun.financing_entry e WHERE e.version >= v.number AND e.freed IS NULL
    );
    IF versions IS DISTINCT FROM made_by THEN
        RETURN;
    END IF;
    SELECT * INTO before FROM lianyun.financing_scope(named, kinds, financings, own, prints);
    -- Batches that fold these consignments end before, or begin after: what they bring is seen whole or not at all.
    PERFORM h.cons FROM lianyun.head h WHERE h.cons = ANY (before.consignments) ORDER BY h.cons FOR SHARE;
    PERFORM pg_advisory_xact_lock(k.key) FROM (
        SELECT DISTINCT f.key FROM (
            SELECT unnest(further)
            UNION ALL
            -- The first half of an id.
            SELECT ('x' || left(replace(i.id::text, '-', ''), 16))::bit(64)::bigint
            FROM unnest(before.things || before.consignments || financings || before.digests) AS i (id)
        ) AS f (key)
        ORDER BY f.key
    ) AS k;
    SELECT * INTO behind FROM lianyun.financing_scope(named, kinds, financings, own, prints);
    steady := before IS NOT DISTINCT FROM behind;
    consignments := behind.consignments;
    involved := ARRAY(
        SELECT unnest(financings)
        UNION
        SELECT e.financing FROM lianyun.financing_entry e WHERE e.digest = ANY (behind.digests) AND e.freed IS NULL
    );
    IF disposes THEN
        involved := ARRAY(
            SELECT unnest(involved)
            UNION
            SELECT c.financing FROM lianyun.financing_cargo c WHERE c.consignment = ANY (behind.consignments)
            UNION
            SELECT c.financing
            FROM lianyun.canonical k JOIN lianyun.financing_cargo c ON c.consignment = k.cons
            WHERE k.canonical = ANY (behind.consignments)
        );
    END IF;
    PERFORM set_config('lianyun.consignments', consignments::text, true),
            set_config('lianyun.involved', involved::text, true),
            set_config('lianyun.subjects', (told || involved)::text, true);
    moment := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    -- The snapshot of this very statement: what is read behind the locks is read by it and by later ones.
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, nextval('lianyun.financing_number'),
           EXISTS (SELECT FROM lianyun.financing_touched t WHERE t.financing = ANY (involved)),
           EXISTS (SELECT FROM lianyun.financing_external x WHERE x.financing = own),
           EXISTS (SELECT FROM lianyun.financing_decision d WHERE d.asked_by = asker AND d.idempotency = called)
           OR EXISTS (SELECT FROM lianyun.financing_decision d WHERE d.request = event)
    INTO "position", number, ruled, answered, repeated;
END
$$;

-- The answer that a party was given under its key, behind a lock on the key that is held until the transaction ends;
-- "free" is false where somebody else is at work under it.
CREATE FUNCTION lianyun.api_answer_under(
    lock bigint, asker text, called text,
    OUT free boolean, OUT request bytea, OUT status smallint, OUT headers jsonb, OUT body bytea
) LANGUAGE plpgsql AS $$
BEGIN
    free := pg_try_advisory_xact_lock(lock);
    IF free THEN
        SELECT a.request, a.status, a.headers, a.body INTO request, status, headers, body
        FROM lianyun.api_answer a WHERE a.party = asker AND a.key = called;
    END IF;
END
$$;

-- Credit signals of shippers: what was observed in each cargo, and its sums by day. All of it can be made again from events.

-- Up to where the events have been followed, and by which rules; one row.
CREATE TABLE lianyun.credit_cursor (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    version text    NOT NULL,               -- of the rules and of the published table
    xid     xid8    NOT NULL DEFAULT '0',
    no      bigint  NOT NULL DEFAULT 0,
    -- The same for events put aside with their key and for decisions on financing.
    aside_xid   xid8   NOT NULL DEFAULT '0',
    aside_no    bigint NOT NULL DEFAULT 0,
    decided_xid xid8   NOT NULL DEFAULT '0',
    decided_no  bigint NOT NULL DEFAULT 0,
    whole_at    timestamptz                 -- when all that was visible had been followed
);

CREATE TABLE lianyun.credit_observation (
    subject text     NOT NULL COLLATE "C",  -- key of the consignment, or of the application for financing
    signal  smallint NOT NULL,
    unit    text     NOT NULL COLLATE "C",
    shipper text     NOT NULL COLLATE "C",
    day     integer  NOT NULL,              -- UTC days since 1970
    bad     smallint NOT NULL CHECK (bad BETWEEN 0 AND 1000),
    events  uuid[]   NOT NULL,
    PRIMARY KEY (subject, signal, unit, shipper)
);
CREATE INDEX credit_observation_against ON lianyun.credit_observation (shipper, signal) WHERE bad > 0;
CREATE INDEX credit_observation_shipper ON lianyun.credit_observation (shipper);

CREATE TABLE lianyun.credit_count (
    shipper text     NOT NULL COLLATE "C",
    signal  smallint NOT NULL,
    day     integer  NOT NULL,
    trials  integer  NOT NULL CHECK (trials >= 0),
    bad     bigint   NOT NULL CHECK (bad >= 0),
    PRIMARY KEY (shipper, signal, day)
) WITH (fillfactor = 80);

-- Which events speak of a shipper, an application, a financing or another event without being facts about cargo.
CREATE TABLE lianyun.credit_about (
    key   text NOT NULL COLLATE "C",
    event uuid NOT NULL,
    PRIMARY KEY (key, event)
);

-- Consignments judged while the state was not settled: to be judged again once the notes up to ``mark`` are dealt with.
CREATE TABLE lianyun.credit_again (
    cons uuid   PRIMARY KEY,
    mark bigint NOT NULL
);

-- Events, cargoes and shippers that credit could not read or judge; their signals stay as they were until it can.
CREATE TABLE lianyun.credit_broken (
    kind  text NOT NULL CHECK (kind IN ('event', 'cargo', 'shipper')),
    name  text NOT NULL COLLATE "C",    -- number of the event, id of the consignment, code of the shipper
    fault text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, name)
);

-- Credit records as they were given out: what a bank relied on stays, and a later one names the one that it supersedes.
CREATE TABLE lianyun.credit_record (
    no         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text   NOT NULL COLLATE "C",  -- SHA-256 of the body but for the reading position
    reader     text   NOT NULL COLLATE "C",
    purpose    text   NOT NULL COLLATE "C",
    shipper    text   NOT NULL COLLATE "C",
    given      bigint NOT NULL,              -- UTC microseconds
    body       text   NOT NULL,              -- JSON
    supersedes bigint REFERENCES lianyun.credit_record (no)
);
CREATE INDEX credit_record_given ON lianyun.credit_record (reader, purpose, shipper, no);

-- The HTTP API: who may call, what was called, and what makes a repeated call harmless. Times are UTC microseconds.

-- A client acts for one registered party; a party may have several. Nothing is removed: a client is revoked.
CREATE TABLE lianyun.api_client (
    id          text    PRIMARY KEY COLLATE "C" CHECK (id ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
    party       integer NOT NULL REFERENCES lianyun.party (no),
    scopes      text[]  NOT NULL,
    purposes    text[]  NOT NULL DEFAULT '{}',   -- legal purposes that it may name (AML, SANCTIONS, COURT, SUPERVISOR)
    certificate text,                            -- SHA-256 of its certificate (base64url) where it logs in by mutual TLS
    registered  bigint  NOT NULL,
    by          text    NOT NULL,
    revoked     bigint
);
CREATE TABLE lianyun.api_client_key (
    client    text   NOT NULL COLLATE "C" REFERENCES lianyun.api_client (id),
    kid       text   NOT NULL COLLATE "C",       -- RFC 7638 thumbprint of the key
    jwk       jsonb  NOT NULL,                   -- public members only
    added     bigint NOT NULL,
    by        text   NOT NULL,
    not_after bigint,
    PRIMARY KEY (client, kid)
);

-- What may be used once: DPoP proofs and client assertions, by a digest, until they expire by themselves.
CREATE TABLE lianyun.api_proof (
    digest  bytea  PRIMARY KEY,
    expires bigint NOT NULL
);
CREATE INDEX api_proof_expires ON lianyun.api_proof (expires);

-- The answer to a request that changed something, under the key that its party gave it; in the transaction of the change.
CREATE TABLE lianyun.api_answer (
    party   text   NOT NULL COLLATE "C",
    key     text   NOT NULL COLLATE "C",
    request bytea  NOT NULL,                     -- SHA-256 of method, target and body
    status  smallint NOT NULL,
    headers jsonb  NOT NULL,
    body    bytea  NOT NULL,
    given   bigint NOT NULL,
    PRIMARY KEY (party, key)
);
CREATE INDEX api_answer_given ON lianyun.api_answer (given);

-- Keys of the API itself that its processes share: cursors and nonces are signed with them.
CREATE TABLE lianyun.api_secret (
    name  text  PRIMARY KEY,
    value bytea NOT NULL
);

-- Who read what. Rows are named at random: no number of any kind shows that a row is missing from what somebody sees.
CREATE TABLE lianyun.access_log (
    id       uuid   PRIMARY KEY DEFAULT gen_random_uuid(),
    at       bigint NOT NULL,
    client   text   NOT NULL COLLATE "C",
    party    text   NOT NULL COLLATE "C",
    bound    text   NOT NULL,                    -- thumbprint of the key or certificate that the token is bound to
    purpose  text   NOT NULL,
    method   text   NOT NULL,
    route    text   NOT NULL,                    -- the path as declared, without values
    resource text   NOT NULL,                    -- kind:reference of what was read; '' where nothing was found
    subjects text[] NOT NULL COLLATE "C",        -- the parties whose data it was
    status   smallint NOT NULL,
    request  text   NOT NULL                     -- the id that the answer carried
);
CREATE INDEX access_log_subjects ON lianyun.access_log USING gin (subjects);
CREATE INDEX access_log_at ON lianyun.access_log (at DESC, id);

-- The same for reads under a legal purpose that the subject must not learn of: another table, which no list of the API reads.
CREATE TABLE lianyun.access_log_sealed (LIKE lianyun.access_log INCLUDING ALL);

-- A sealed line is shown to two named people only: one asks and says why, another one approves, and both stay on record.
CREATE TABLE lianyun.access_log_opening (
    id       uuid   PRIMARY KEY DEFAULT gen_random_uuid(),
    asked    bigint NOT NULL,
    asked_by text   NOT NULL CHECK (asked_by <> ''),
    reason   text   NOT NULL CHECK (reason <> ''),
    since    bigint NOT NULL,                    -- the lines of [since, until)
    until    bigint NOT NULL CHECK (until > since)
);
CREATE TABLE lianyun.access_log_approval (
    opening     uuid   PRIMARY KEY REFERENCES lianyun.access_log_opening (id),
    approved    bigint NOT NULL,
    approved_by text   NOT NULL CHECK (approved_by <> ''),
    expires     bigint NOT NULL
);
CREATE TABLE lianyun.access_log_shown (
    id       uuid   PRIMARY KEY DEFAULT gen_random_uuid(),
    opening  uuid   NOT NULL REFERENCES lianyun.access_log_opening (id),
    at       bigint NOT NULL,
    shown_to text   NOT NULL,
    lines    integer NOT NULL
);

CREATE FUNCTION lianyun.access_log_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the access log is never changed or removed';
END
$$;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'access_log', 'access_log_sealed', 'access_log_opening', 'access_log_approval', 'access_log_shown'
    ] LOOP
        EXECUTE format(
            'CREATE TRIGGER final BEFORE UPDATE OR DELETE ON lianyun.%I FOR EACH ROW '
            'EXECUTE FUNCTION lianyun.access_log_is_final()', name);
        EXECUTE format(
            'CREATE TRIGGER final_as_a_whole BEFORE TRUNCATE ON lianyun.%I FOR EACH STATEMENT '
            'EXECUTE FUNCTION lianyun.access_log_is_final()', name);
    END LOOP;
END
$$;

CREATE FUNCTION lianyun.approved_by_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT o.asked_by FROM lianyun.access_log_opening o WHERE o.id = NEW.opening) = NEW.approved_by THEN
        RAISE EXCEPTION 'whoever asked for sealed lines cannot approve that: it takes a second person';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER by_another BEFORE INSERT ON lianyun.access_log_approval
    FOR EACH ROW EXECUTE FUNCTION lianyun.approved_by_another();

-- Webhooks: who wants to be told what, what there is to tell, and how far each telling got. Times are UTC microseconds.

CREATE TABLE lianyun.webhook_subscription (
    id            text    PRIMARY KEY COLLATE "C",
    party         text    NOT NULL COLLATE "C",
    url           text    NOT NULL,
    types         text[]  NOT NULL,
    description   text    NOT NULL,
    state         text    NOT NULL CHECK (state IN ('ENABLED', 'PAUSED', 'DISABLED', 'REMOVED')),
    reason        text    NOT NULL,       -- why it is not enabled
    created       bigint  NOT NULL,
    version       integer NOT NULL,       -- raised on each change by its party
    failing_since bigint,                 -- the first failure after the latest success
    last_success  bigint
);
CREATE INDEX webhook_subscription_party ON lianyun.webhook_subscription (party, id);

-- What deliveries are signed with. During a rotation the old and the new one both sign.
CREATE TABLE lianyun.webhook_secret (
    no           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription text   NOT NULL REFERENCES lianyun.webhook_subscription (id) COLLATE "C",
    scheme       text   NOT NULL CHECK (scheme IN ('v1', 'v1a')),
    sealed       bytea  NOT NULL,  -- encrypted under a key that is not in the database
    public       bytea,            -- of v1a: what the receiver verifies with
    created      bigint NOT NULL,
    expires      bigint            -- null: the present one
);
CREATE INDEX webhook_secret_subscription ON lianyun.webhook_secret (subscription, no);

-- How far each kind of committed row was turned into messages: rows up to (xid, no) were.
CREATE TABLE lianyun.webhook_cursor (
    source text   PRIMARY KEY COLLATE "C" CHECK (source IN ('event', 'decision', 'watch')),
    xid    xid8   NOT NULL,
    no     bigint NOT NULL
);

-- Batches that were looked at while the structure was not settled: whom they concern is asked once more when all notes up
-- to the mark are done.
CREATE TABLE lianyun.webhook_again (
    xid      xid8   NOT NULL,
    first_no bigint NOT NULL,
    at       bigint NOT NULL,
    mark     bigint NOT NULL,
    PRIMARY KEY (xid, first_no)
);
CREATE INDEX webhook_again_mark ON lianyun.webhook_again (mark);

-- One thing to tell to one party; its id follows from what it tells of, and its bytes never change.
CREATE TABLE lianyun.webhook_message (
    id    text   PRIMARY KEY COLLATE "C",
    party text   NOT NULL COLLATE "C",
    type  text   NOT NULL COLLATE "C",
    at    bigint NOT NULL,   -- when it was found in what is committed
    body  bytea  NOT NULL
);
CREATE INDEX webhook_message_party ON lianyun.webhook_message (party, at, id);
CREATE INDEX webhook_message_at ON lianyun.webhook_message (at);

CREATE TABLE lianyun.webhook_delivery (
    subscription text    NOT NULL REFERENCES lianyun.webhook_subscription (id) COLLATE "C",
    message      text    NOT NULL REFERENCES lianyun.webhook_message (id) ON DELETE CASCADE COLLATE "C",
    state        text    NOT NULL CHECK (state IN ('WAITING', 'DELIVERED', 'DEAD')),
    attempts     integer NOT NULL,
    due          bigint  NOT NULL,   -- of a waiting one: not before; while an attempt runs, when it counts as lost
    last_attempt bigint,
    status       integer,            -- HTTP status of the last answer
    detail       text    NOT NULL,
    same         text    COLLATE "C",  -- of which thing it is news; null where each piece of news is told by itself
    PRIMARY KEY (subscription, message)
);
-- News of the same thing that nobody has begun to tell yet is told once: a message only says that there is something to read.
CREATE UNIQUE INDEX webhook_delivery_untouched ON lianyun.webhook_delivery (subscription, same)
    WHERE state = 'WAITING' AND attempts = 0;
CREATE INDEX webhook_delivery_due ON lianyun.webhook_delivery (subscription, due) WHERE state = 'WAITING';
CREATE INDEX webhook_delivery_dead ON lianyun.webhook_delivery (subscription, last_attempt) WHERE state = 'DEAD';
CREATE INDEX webhook_delivery_message ON lianyun.webhook_delivery (message);

-- What the exporter of metrics keeps, and what makes its questions cheap.

-- When each partner was last heard: the broker's time of the latest event accepted from it, UTC microseconds.
CREATE TABLE lianyun.partner_accepted (
    party    integer PRIMARY KEY,
    appended bigint  NOT NULL
) WITH (fillfactor = 50);

-- Up to where the accepted events have been followed for that; one row.
CREATE TABLE lianyun.exporter_cursor (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    xid    xid8    NOT NULL DEFAULT '0',
    no     bigint  NOT NULL DEFAULT 0
);
INSERT INTO lianyun.exporter_cursor DEFAULT VALUES;

-- Cases: what the rules find cause for, made again from events at any time, and the steps of cases, which are decisions.

-- Up to where events, events put aside and decisions on financing have been followed, by which rules, and as of when.
CREATE TABLE lianyun.case_cursor (
    single      boolean PRIMARY KEY DEFAULT true CHECK (single),
    version     text    NOT NULL,
    xid         xid8    NOT NULL DEFAULT '0',
    no          bigint  NOT NULL DEFAULT 0,
    aside_xid   xid8    NOT NULL DEFAULT '0',
    aside_no    bigint  NOT NULL DEFAULT 0,
    decided_xid xid8    NOT NULL DEFAULT '0',
    decided_no  bigint  NOT NULL DEFAULT 0,
    as_of       bigint  NOT NULL DEFAULT 0,  -- UTC microseconds: every cause is of this moment, for all that is not due since
    whole_at    timestamptz                  -- when all that was visible had been followed
);

-- The causes that each consignment shows: a case has cause while one of them has a row.
CREATE TABLE lianyun.case_cause (
    cons         uuid     NOT NULL,
    case_id      uuid     NOT NULL,
    kind         text     NOT NULL COLLATE "C",
    what         text     NOT NULL COLLATE "C",
    about_kind   smallint NOT NULL,
    about        text     NOT NULL COLLATE "C",
    jurisdiction text     NOT NULL COLLATE "C",
    scope        text     NOT NULL COLLATE "C",
    place        text     NOT NULL COLLATE "C",
    occurrence   text     NOT NULL COLLATE "C",
    since        bigint   NOT NULL,
    due          bigint   NOT NULL,
    events       uuid[]   NOT NULL,
    missing      text[]   NOT NULL,
    surplus      text[]   NOT NULL,
    PRIMARY KEY (cons, case_id)
);
CREATE INDEX case_cause_case ON lianyun.case_cause (case_id);

-- When a consignment is to be looked at again although nothing new is said of it.
CREATE TABLE lianyun.case_due (
    cons uuid   PRIMARY KEY,
    due  bigint NOT NULL
);
CREATE INDEX case_due_due ON lianyun.case_due (due);

-- Consignments judged while the state was not settled: to be judged again once the notes up to ``mark`` are dealt with.
CREATE TABLE lianyun.case_again (
    cons uuid   PRIMARY KEY,
    mark bigint NOT NULL
);

-- Cases whose causes changed since somebody last decided whether to open or close them.
CREATE TABLE lianyun.case_touched (
    case_id uuid PRIMARY KEY
);

-- The steps of all cases, each signed by the platform; never changed. Two steps never rest on one.
CREATE SEQUENCE lianyun.case_number AS bigint;
CREATE TABLE lianyun.case_step (
    number   bigint PRIMARY KEY,
    xid      xid8   NOT NULL DEFAULT pg_current_xact_id(),
    case_id  uuid   NOT NULL,
    before   bigint,
    kind     text   NOT NULL COLLATE "C",
    at       bigint NOT NULL,
    position bigint NOT NULL,
    by_party text   COLLATE "C",
    by_desk  text   COLLATE "C",
    to_party text   COLLATE "C",
    to_desk  text   COLLATE "C",
    until    bigint,
    reason   text   NOT NULL,
    text     text   NOT NULL,
    since    bigint,
    evidence uuid[] NOT NULL,
    headers  bytea  NOT NULL,
    payload  bytea  NOT NULL
);
CREATE UNIQUE INDEX case_step_rests_on ON lianyun.case_step (case_id, coalesce(before, 0));
CREATE INDEX case_step_case ON lianyun.case_step (case_id, number);
CREATE INDEX case_step_at ON lianyun.case_step (at);
CREATE INDEX case_step_xid ON lianyun.case_step (xid, number);

-- Where each case stands: a cache of its steps and causes, for lists; compared by fsck.
CREATE TABLE lianyun.case_head (
    case_id       uuid     PRIMARY KEY,
    kind          text     NOT NULL COLLATE "C",
    what          text     NOT NULL COLLATE "C",
    about_kind    smallint NOT NULL,
    about         text     NOT NULL COLLATE "C",
    jurisdiction  text     NOT NULL COLLATE "C",
    place         text     NOT NULL COLLATE "C",
    occurrence    text     NOT NULL COLLATE "C",
    crossing      text     NOT NULL COLLATE "C",  -- "" away from a border
    since         bigint   NOT NULL,
    due           bigint   NOT NULL,
    opened        bigint   NOT NULL,
    last          bigint   NOT NULL,              -- number of the latest step
    at            bigint   NOT NULL,
    closed        boolean  NOT NULL,
    owner_party   text     COLLATE "C",
    owner_desk    text     COLLATE "C",
    snoozed_until bigint,
    reason        text     NOT NULL,
    stands        boolean  NOT NULL               -- there is cause for it
) WITH (fillfactor = 80);
CREATE INDEX case_head_open ON lianyun.case_head (crossing, due) WHERE NOT closed;
CREATE INDEX case_head_about ON lianyun.case_head (about_kind, about) WHERE NOT closed;

-- What dashboards show. An alert of a pledge is between the bank and the platform, and texts are for those who work on a case.
CREATE VIEW lianyun.case_open AS
    SELECT case_id, kind, what, about_kind, about, jurisdiction, place, occurrence, crossing, since, due, opened, at,
           owner_party, owner_desk, snoozed_until, stands
    FROM lianyun.case_head WHERE NOT closed AND kind <> 'FINANCING_ALERT';

-- What events lead to by links, written once for all who ask. The tables are those of the current generation.

-- What is checked when it is called, as the views that it reads are made anew with each generation.
SET LOCAL check_function_bodies = off;

-- The objects that an event speaks of, each with the time [lo, hi) of which it does: of a link both ends, as long as it lasts.
CREATE FUNCTION lianyun.spoken_of(event bigint) RETURNS TABLE (id uuid, lo bigint, hi bigint)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 AS $$
    SELECT c.object, c.happened, c.happened + 1 FROM lianyun.claim c WHERE c.no = event
    UNION ALL
    SELECT n.id, l.start_at, l.until FROM lianyun.link l CROSS JOIN LATERAL (VALUES (l.left_id), (l.right_id)) AS n (id)
    WHERE l.no = event
    UNION ALL
    SELECT f.cons, -4611686018427387904, 4611686018427387904 FROM lianyun.founding f WHERE f.no = event
$$;

-- From each object at the same place of the arrays, and of [lo, hi): the object itself and all that live links lead to in that
-- time, onward to the consignments; `key` is the asker's. That two consignments are one is no way on.
CREATE FUNCTION lianyun.led_to(keys bigint[], ids uuid[], los bigint[], his bigint[])
RETURNS TABLE (key bigint, id uuid, lo bigint, hi bigint)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 AS $$
    WITH RECURSIVE down (key, id, lo, hi) AS (
        SELECT * FROM unnest(keys, ids, los, his)
        UNION
        SELECT d.key, l.right_id, greatest(d.lo, l.start_at), least(d.hi, l.until)
        FROM down d JOIN lianyun.link l ON l.left_id = d.id
        WHERE l.kind <> 8 AND NOT l.dead AND l.start_at < d.hi AND l.until > d.lo
    )
    SELECT * FROM down
$$;

-- Where the roles of a secured deployment exist, each writes its own tables and no others. The API and workers add lines to the access
-- log and never change them. What is known of a shipper is read through its consent, not by whoever may draw dashboards. An alert of a
-- pledge is between the bank and the platform, and texts are for those who work on a case.
-- A row can only be held by who may update one of its columns, so the API may update one that decides nothing: of the registry's version
-- the mark of its one row, of versions of fingerprints the moment of their opening. To hold one of these as a table takes the right to
-- add a row: of the registry's version there can be one row only, and a version of fingerprints whose key nobody has stops decisions and
-- changes none. The follower of cases takes steps of cases and changes none, and takes no case away.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_worker') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON lianyun.access_log, lianyun.access_log_sealed FROM lianyun_worker;
        REVOKE SELECT ON lianyun.access_log_sealed FROM lianyun_worker;
        REVOKE ALL ON lianyun.access_log_opening, lianyun.access_log_approval, lianyun.access_log_shown FROM lianyun_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON
            lianyun.credit_observation, lianyun.credit_count, lianyun.credit_about, lianyun.credit_again, lianyun.credit_record,
            lianyun.credit_broken,
            lianyun.access_log, lianyun.access_log_sealed, lianyun.access_log_opening, lianyun.access_log_approval,
            lianyun.access_log_shown, lianyun.api_secret, lianyun.api_answer, lianyun.api_proof,
            lianyun.webhook_subscription, lianyun.webhook_secret, lianyun.webhook_message, lianyun.webhook_delivery,
            lianyun.case_cause, lianyun.case_due, lianyun.case_again, lianyun.case_touched, lianyun.case_step, lianyun.case_head
            FROM lianyun_reader;
        GRANT SELECT ON lianyun.case_open TO lianyun_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_credit') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON lianyun.credit_cursor, lianyun.credit_observation, lianyun.credit_count,
            lianyun.credit_about, lianyun.credit_again, lianyun.credit_broken TO lianyun_credit;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_api') THEN
        GRANT SELECT, INSERT, DELETE ON lianyun.api_proof, lianyun.api_answer TO lianyun_api;
        GRANT UPDATE (given) ON lianyun.api_answer TO lianyun_api;
        GRANT UPDATE (expires) ON lianyun.api_proof TO lianyun_api;
        GRANT SELECT, INSERT ON lianyun.api_secret TO lianyun_api;
        GRANT SELECT, INSERT ON lianyun.access_log TO lianyun_api;
        GRANT INSERT ON lianyun.access_log_sealed TO lianyun_api;
        GRANT USAGE ON lianyun.financing_number TO lianyun_api;
        GRANT INSERT ON lianyun.financing_decision, lianyun.financing_touched, lianyun.financing_cargo,
            lianyun.financing_entry, lianyun.financing_hold, lianyun.financing_external, lianyun.financing_acknowledged
            TO lianyun_api;
        GRANT UPDATE ON lianyun.financing_entry, lianyun.financing_hold TO lianyun_api;
        GRANT UPDATE ON lianyun.financing_asked TO lianyun_api;
        GRANT UPDATE (since) ON lianyun.financing_version TO lianyun_api;
        GRANT UPDATE (one) ON lianyun.registry_version TO lianyun_api;
        GRANT INSERT ON lianyun.financing_version, lianyun.registry_version TO lianyun_api;
        GRANT SELECT ON lianyun.credit_observation, lianyun.credit_count, lianyun.credit_about, lianyun.credit_again
            TO lianyun_api;
        GRANT SELECT, INSERT ON lianyun.credit_record TO lianyun_api;
        GRANT SELECT, INSERT, UPDATE ON lianyun.webhook_subscription TO lianyun_api;
        GRANT SELECT, INSERT, UPDATE, DELETE ON lianyun.webhook_secret, lianyun.webhook_delivery TO lianyun_api;
        GRANT SELECT, INSERT ON lianyun.webhook_message, lianyun.webhook_cursor TO lianyun_api;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_webhooks') THEN
        GRANT SELECT, UPDATE ON lianyun.webhook_subscription TO lianyun_webhooks;
        GRANT SELECT ON lianyun.webhook_secret TO lianyun_webhooks;
        GRANT SELECT, INSERT, UPDATE, DELETE ON lianyun.webhook_message, lianyun.webhook_delivery,
            lianyun.webhook_cursor, lianyun.webhook_again TO lianyun_webhooks;
        GRANT INSERT ON lianyun.platform_event TO lianyun_webhooks;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_exporter') THEN
        GRANT SELECT, INSERT, UPDATE ON lianyun.partner_accepted, lianyun.exporter_cursor TO lianyun_exporter;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_cases') THEN
        GRANT SELECT, INSERT, UPDATE ON lianyun.case_cursor, lianyun.case_head TO lianyun_cases;
        GRANT SELECT, INSERT, UPDATE, DELETE ON lianyun.case_due, lianyun.case_again TO lianyun_cases;
        GRANT SELECT, INSERT, DELETE ON lianyun.case_cause, lianyun.case_touched TO lianyun_cases;
        GRANT SELECT, INSERT ON lianyun.case_step TO lianyun_cases;
        GRANT USAGE ON lianyun.case_number TO lianyun_cases;
    END IF;
END
$$;
