-- The tables of one generation of the state; created with the search path on its schema.
-- Objects and events are the first 16 bytes of digests, kept as uuid; times are UTC microseconds; publishers, places
-- and slots are 64-bit digests (lianyun.term has the texts). "dead" says that the event does not count:
-- withdrawn, in a cycle of corrections, equivocated or quarantined.

-- Claims, at the object that the event names. The index is the index of events by object, too.
CREATE TABLE claim (
    no          bigint   NOT NULL,
    happened    bigint   NOT NULL,
    published   bigint   NOT NULL,
    event_hi    bigint   NOT NULL,  -- the event's id as two numbers that order as the 16 bytes do
    event_lo    bigint   NOT NULL,
    slot        bigint   NOT NULL,  -- the question but for its object: milestone, jurisdiction, place, run, classifier
    place       bigint   NOT NULL,
    stop        bigint   NOT NULL,  -- the place in the order of the journey: of a hand-over the station that receives
    publisher   bigint   NOT NULL,
    object      uuid     NOT NULL,
    tolerance   integer  NOT NULL,  -- seconds beyond which publishers disagree; -1 where they cannot
    jurisdiction smallint NOT NULL, -- two letters as a number, 0 outside customs
    milestone   smallint NOT NULL,
    episode     smallint NOT NULL,  -- +n opens exception n, -n closes it, -100 releases; 0 for plans and estimates
    kind        smallint NOT NULL,  -- of the object
    part        smallint NOT NULL,  -- of the head that it moves: 1 movement, 2-5 customs CN EAEU EU other, 6 document
    assurance   smallint NOT NULL,  -- 1 asserted, 2 relayed, 3 signed by the authority
    territorial boolean  NOT NULL,
    dead        boolean  NOT NULL
);
CREATE INDEX claim_object ON claim (object, happened, slot);
CREATE INDEX claim_no ON claim (no);

CREATE TABLE link (
    no          bigint   NOT NULL,
    start_at    bigint   NOT NULL,
    end_at      bigint,             -- as its publisher says; null is open
    until       bigint   NOT NULL,  -- effective: the end, or the next start of its publisher for the carried object
    publisher   bigint   NOT NULL,
    left_id     uuid     NOT NULL,
    right_id    uuid     NOT NULL,
    carried     uuid,               -- what can be in one place only; null where the link is not timed
    kind        smallint NOT NULL,
    right_kind  smallint NOT NULL,
    territorial boolean  NOT NULL,
    shared      boolean  NOT NULL,
    names       bigint[] NOT NULL,  -- parties that it engages
    dead        boolean  NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX link_left ON link (left_id, kind, start_at);
CREATE INDEX link_right ON link (right_id, kind, start_at);
CREATE INDEX link_carried ON link (carried, kind, publisher, start_at) WHERE carried IS NOT NULL;
CREATE INDEX link_no ON link (no);

CREATE TABLE founding (
    no        bigint  NOT NULL,
    publisher bigint  NOT NULL,
    cons      uuid    NOT NULL,
    names     bigint[] NOT NULL,
    dead      boolean NOT NULL
);
CREATE INDEX founding_cons ON founding (cons);
CREATE INDEX founding_no ON founding (no);

CREATE TABLE withdrawal (
    no       bigint  NOT NULL,
    event    uuid    NOT NULL,
    target   uuid    NOT NULL,
    replaces boolean NOT NULL
);
CREATE INDEX withdrawal_event ON withdrawal (event);
CREATE INDEX withdrawal_target ON withdrawal (target);

-- Events that concern an object without being a claim about it or a link of it: planned routes (their consignment or
-- booking), restrictions (their place), liftings (the id of the restriction that they lift).
CREATE TABLE mention (
    no     bigint NOT NULL,
    object uuid   NOT NULL
);
CREATE INDEX mention_object ON mention (object);

-- The places and border crossings that a planned route passes, so that restrictions there can be found.
CREATE TABLE passing (
    no     bigint NOT NULL,
    object uuid   NOT NULL
);
CREATE INDEX passing_no ON passing (no);

CREATE TABLE dead (
    id     uuid     PRIMARY KEY,
    reason smallint NOT NULL        -- 1 withdrawn, 2 in a cycle, 3 equivocated, 4 quarantined
);

-- Members of groups of consignments that were declared the same; all others are their own canonical.
CREATE TABLE canonical (
    cons      uuid PRIMARY KEY,
    canonical uuid NOT NULL
);
CREATE INDEX canonical_group ON canonical (canonical);

-- Whose word counts for a consignment and what reaches it when: derived by the core, read by the fold of heads.
CREATE TABLE reach (
    cons    uuid     PRIMARY KEY,
    founded boolean  NOT NULL,      -- false for a member whose group is kept at another consignment
    engaged bigint[] NOT NULL,
    objects uuid[]   NOT NULL,      -- with starts and untils: counted ways other than by train, disjoint per object
    starts  bigint[] NOT NULL,
    untils  bigint[] NOT NULL,
    held    uuid[]   NOT NULL,      -- boxes that hold the cargo, else all counted ones
    parts   uuid[]   NOT NULL       -- papers that do not speak for the whole cargo
) WITH (fillfactor = 80);

-- The cache of services.domain.head. A stage is {happened, published, event_hi, event_lo, milestone, place}: the greater
-- one is the later one, so the latest is max(). That of a movement ends with the greatest time of what moves the cargo:
-- what is near to it is ordered by the journey (services.domain.sequence).
CREATE TABLE head (
    cons       uuid     PRIMARY KEY,
    founded    boolean  NOT NULL DEFAULT false,
    broken     boolean  NOT NULL DEFAULT false,  -- its fold failed; the values are old until it is mended
    boxes      integer  NOT NULL DEFAULT 0,
    behind     integer  NOT NULL DEFAULT 0,
    disputes   integer  NOT NULL DEFAULT 0,
    exceptions integer  NOT NULL DEFAULT 0,
    movement   bigint[],
    cn         bigint[],
    eaeu       bigint[],
    eu         bigint[],
    other      bigint[],
    document   bigint[]
) WITH (fillfactor = 70);

CREATE TABLE train_head (
    train      uuid    PRIMARY KEY,
    milestone  bigint[],            -- the latest fact other than a running position
    position   bigint[],            -- the latest fact of any kind that has a place
    exceptions integer NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

-- What transactions changed of the structure and must look at once more, when all that may have missed it have ended.
CREATE TABLE pending (
    id           bigint GENERATED ALWAYS AS IDENTITY,
    judged       uuid[]   NOT NULL,  -- events whose corrections are to be judged again
    nos          bigint[] NOT NULL,  -- events whose links and foundings are to be walked again
    consignments uuid[]   NOT NULL,
    mark         xid8
) WITH (fillfactor = 50);

-- The current answers of whoever counts, for what reaches one consignment. A worker whose release folds head by head calls
-- it, in any generation of the same fold version.
CREATE FUNCTION answers(objects uuid[], starts bigint[], untils bigint[], engaged bigint[]) RETURNS SETOF claim
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT DISTINCT ON (c.object, c.slot, c.publisher) c.*
    FROM unnest(objects, starts, untils) AS way (object, start_at, until)
    -- From ways to claims, whatever the planner believes about tables that were empty when it looked.
    CROSS JOIN LATERAL (
        SELECT n.* FROM claim n
        WHERE n.object = way.object AND n.happened >= way.start_at AND n.happened < way.until
          AND NOT n.dead AND (n.territorial OR n.publisher = ANY (engaged))
        OFFSET 0
    ) AS c
    ORDER BY c.object, c.slot, c.publisher, c.published DESC, c.event_hi DESC, c.event_lo DESC;
END;

-- The same for one train, about which everybody counts.
CREATE FUNCTION train_answers(train uuid) RETURNS SETOF claim
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT DISTINCT ON (c.slot, c.publisher) c.*
    FROM claim c
    WHERE c.object = train AND NOT c.dead
    ORDER BY c.slot, c.publisher, c.published DESC, c.event_hi DESC, c.event_lo DESC;
END;

-- How far a position is on the journey, from services.domain.progress: what orders positions from the least advanced. A
-- position is a stage with when its place was first reached.
CREATE FUNCTION progress("position" bigint[], on_the_way bigint, at_a_place bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE
RETURN CASE
    WHEN "position"[5] / 100 = on_the_way
        THEN ARRAY[on_the_way * 100, "position"[7], coalesce(array_position(at_a_place, "position"[5]), 0)]
    ELSE ARRAY["position"[5], "position"[7], 0]
END || "position"[:6];
