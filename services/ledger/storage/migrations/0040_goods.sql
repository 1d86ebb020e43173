-- A pledge is of goods, not of a number: requests about cargo, and whoever reserves an interest in goods, concern each financing
-- whose goods share a box, a note or a declaration, whatever consignment names it. What locked a request without these
-- (lianyun.financing_hold_group) stays for processes of the release before.

-- What a decision has in common with the goods of a pledge ("kind:key"), and the ground on which a bank released what is owed.
ALTER TABLE lianyun.financing_decision
    ADD COLUMN shares text[] NOT NULL DEFAULT '{}',
    ADD COLUMN waiver text   NOT NULL DEFAULT '' COLLATE "C";

-- Financings whose goods may be those of the request at a place of the arrays, the consignments that they are of, and the boxes,
-- notes and declarations by which they would be.
CREATE TYPE lianyun.financing_around AS (ask integer, cargo uuid[], financings uuid[], names uuid[]);

-- Everything that was ever declared the same consignment as one of these by a party of it, also where that was taken back.
CREATE FUNCTION lianyun.financing_same(consignments uuid[]) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        WITH RECURSIVE member (id) AS (
            SELECT unnest(consignments)
            UNION
            SELECT n.id FROM member m CROSS JOIN LATERAL (
                SELECT CASE WHEN l.left_id = m.id THEN l.right_id ELSE l.left_id END
                FROM (
                    SELECT s.left_id, s.right_id, s.publisher FROM lianyun.link s WHERE s.left_id = m.id AND s.kind = 8
                    UNION ALL
                    SELECT s.left_id, s.right_id, s.publisher FROM lianyun.link s WHERE s.right_id = m.id AND s.kind = 8
                ) AS l
                WHERE EXISTS (
                    SELECT 1 FROM lianyun.founding f
                    WHERE f.cons = m.id AND (f.publisher = l.publisher OR l.publisher = ANY (f.names))
                )
            ) AS n (id)
        )
        SELECT id FROM member
    );
END
$$;

-- Who has, or had, a release block on consignments that any box, note or declaration of the asked ones, or a named thing, ever led
-- to; dead links and links of any time are walked as well, because the core judges which of them count. Ended ones only with "past".
CREATE FUNCTION lianyun.financing_near(
    asked uuid[], named uuid[], past boolean, OUT cargo uuid[], OUT financings uuid[], OUT names uuid[]
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    WITH RECURSIVE up (id, kind) AS (
        SELECT m.id, 0::smallint FROM unnest(lianyun.financing_same(asked)) AS m (id)
        UNION
        SELECT l.left_id, l.kind
        FROM up u JOIN lianyun.link l ON l.right_id = u.id
        WHERE l.kind IN (1, 2, 3, 4, 5, 10)
    )
    SELECT ARRAY(SELECT u.id FROM up u WHERE u.kind NOT IN (0, 3) UNION SELECT unnest(named) ORDER BY 1) INTO names;
    WITH RECURSIVE down (id, kind) AS (
        SELECT n.id, 0::smallint FROM unnest(names) AS n (id)
        UNION
        SELECT l.right_id, l.right_kind
        FROM down d JOIN lianyun.link l ON l.left_id = d.id
        WHERE d.kind <> 1 AND l.kind IN (1, 2, 3, 4, 5, 10)
    ), reached (id) AS (
        SELECT unnest(lianyun.financing_same(asked || ARRAY(SELECT d.id FROM down d WHERE d.kind = 1)))
    )
    SELECT coalesce(array_agg(DISTINCT c.consignment ORDER BY c.consignment), '{}'),
           coalesce(array_agg(DISTINCT c.financing ORDER BY c.financing), '{}')
    INTO cargo, financings
    FROM reached r
    JOIN lianyun.financing_cargo c ON c.consignment = r.id
    JOIN lianyun.financing_hold h ON h.financing = c.financing
    WHERE h.blocks AND (past OR NOT h.ended);
END
$$;

-- That of each request, without its own financing; nothing where it does not concern others, or where its own financing has no
-- release block.
CREATE FUNCTION lianyun.financing_arounds(
    scopes lianyun.financing_scoped[], named text[], own text[], nearby boolean[]
) RETURNS lianyun.financing_around[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found lianyun.financing_around[] := '{}';
    scope lianyun.financing_scoped;
    near record;
BEGIN
    FOREACH scope IN ARRAY scopes LOOP
        IF nearby[scope.ask] AND NOT EXISTS (
            SELECT FROM lianyun.financing_hold h WHERE h.financing = own[scope.ask]::uuid AND NOT h.blocks
        ) THEN
            SELECT * INTO near FROM lianyun.financing_near(scope.consignments, named[scope.ask]::uuid[], false);
            found := found || ROW(
                scope.ask, near.cargo, array_remove(near.financings, own[scope.ask]::uuid), near.names
            )::lianyun.financing_around;
        ELSE
            found := found || ROW(scope.ask, '{}', '{}', '{}')::lianyun.financing_around;
        END IF;
    END LOOP;
    RETURN found;
END
$$;

-- Locks registry, versions of fingerprints, heads and keys of all requests in this order and keeps them until the transaction ends.
-- Each statement of it sees what was committed before that statement, so what is found behind the locks nobody else can change.
-- Each place of the arrays is one request, in words of an array where it holds several. Nothing is locked but registry and versions
-- where the versions are not those by which the fingerprints were made: one row then, without a request. "steady" is false where
-- the scope of that request changed while it was locked. Rows behind the locks are read by statements that come after it;
-- lianyun.consignments, lianyun.involved and lianyun.subjects tell them, in this transaction and for each request, what is locked and
-- whose words are asked for.
CREATE FUNCTION lianyun.financing_hold_goods(
    named text[], kinds text[], financings text[], own text[], prints text[],
    made_by text[],     -- the versions, as they are returned
    further text[],     -- keys of the request itself
    told text[],        -- subjects of words that it tells
    disposes boolean[], -- it is about the cargo, whoever financed it
    nearby boolean[],   -- it concerns whoever has the same goods under another consignment
    asker text[], called text[], event text[]    -- who asks, under which name or by which event
) RETURNS TABLE (
    ask integer, registry bigint, versions text[], consignments uuid[], involved uuid[], near uuid[], keys bigint[],
    moment bigint, "position" bigint, number bigint, steady boolean,
    ruled boolean, answered boolean, repeated boolean   -- whether such rows are there at all
) LANGUAGE plpgsql AS $$
DECLARE
    before lianyun.financing_scoped[];
    behind lianyun.financing_scoped[];
    within lianyun.financing_within[];
    around lianyun.financing_around[];
    beside lianyun.financing_around[];
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
        RETURN NEXT;
        RETURN;
    END IF;
    before := lianyun.financing_scopes(named, kinds, financings, own, prints);
    around := lianyun.financing_arounds(before, named, own, nearby);
    -- Batches that fold these consignments end before, or begin after: what they bring is seen whole or not at all.
    PERFORM h.cons FROM lianyun.head h
    WHERE h.cons = ANY (ARRAY(
        SELECT unnest(b.consignments) FROM unnest(before) AS b
        UNION
        SELECT unnest(a.cargo) FROM unnest(around) AS a
        UNION
        SELECT k.canonical FROM unnest(around) AS a JOIN lianyun.canonical k ON k.cons = ANY (a.cargo)
    ))
    ORDER BY h.cons FOR SHARE;
    PERFORM pg_advisory_xact_lock(k.key) FROM (
        SELECT DISTINCT f.key FROM (
            SELECT unnest(u.own::bigint[]) FROM unnest(further) AS u (own)
            UNION ALL
            SELECT lianyun.financing_key(i.id) FROM (
                SELECT unnest(b.things || b.consignments || b.digests) FROM unnest(before) AS b
                UNION ALL
                SELECT unnest(a.cargo || a.names) FROM unnest(around) AS a
                UNION ALL
                SELECT unnest(u.names::uuid[]) FROM unnest(financings) AS u (names)
            ) AS i (id)
        ) AS f (key)
        ORDER BY f.key
    ) AS k;
    behind := lianyun.financing_scopes(named, kinds, financings, own, prints);
    beside := lianyun.financing_arounds(behind, named, own, nearby);
    SELECT array_agg(ROW(
        n.ask, b IS NOT DISTINCT FROM before[n.ask] AND a IS NOT DISTINCT FROM around[n.ask], b.consignments, i.ids,
        ARRAY(
            SELECT lianyun.financing_key(k.id)
            FROM unnest(b.things || b.consignments || b.digests || i.ids || a.cargo || a.names) AS k (id)
        )
        || n.further::bigint[]
    )::lianyun.financing_within ORDER BY n.ask) INTO within
    FROM unnest(financings, further, disposes) WITH ORDINALITY AS n (financings, further, disposes, ask)
    CROSS JOIN LATERAL (SELECT (behind[n.ask]).*) AS b
    CROSS JOIN LATERAL (SELECT (beside[n.ask]).*) AS a
    CROSS JOIN LATERAL (SELECT ARRAY(
        SELECT unnest(n.financings::uuid[])
        UNION
        SELECT e.financing FROM lianyun.financing_entry e WHERE e.digest = ANY (b.digests) AND e.freed IS NULL
        UNION
        SELECT c.financing FROM lianyun.financing_cargo c WHERE n.disposes AND c.consignment = ANY (b.consignments)
        UNION
        SELECT c.financing
        FROM lianyun.canonical k JOIN lianyun.financing_cargo c ON c.consignment = k.cons
        WHERE n.disposes AND k.canonical = ANY (b.consignments)
        UNION
        SELECT unnest(a.financings)
    ) AS ids) AS i;
    PERFORM set_config(
                'lianyun.consignments', array_agg((w.consignments || (beside[w.ask]).cargo)::text ORDER BY w.ask)::text, true
            ),
            set_config('lianyun.involved', array_agg(w.involved::text ORDER BY w.ask)::text, true),
            set_config('lianyun.subjects', array_agg((told[w.ask]::uuid[] || w.involved)::text ORDER BY w.ask)::text, true)
    FROM unnest(within) AS w;
    moment := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    -- The snapshot of this very statement: what is read behind the locks is read by it and by later ones.
    RETURN QUERY
    SELECT w.ask, registry, versions, w.consignments, w.involved, (beside[w.ask]).financings, w.keys, moment,
           pg_snapshot_xmin(pg_current_snapshot())::text::bigint, nextval('lianyun.financing_number'), w.steady,
           EXISTS (SELECT FROM lianyun.financing_touched t WHERE t.financing = ANY (w.involved)),
           EXISTS (SELECT FROM lianyun.financing_external x WHERE x.financing = own[w.ask]::uuid),
           EXISTS (SELECT FROM lianyun.financing_decision d WHERE d.asked_by = asker[w.ask] AND d.idempotency = called[w.ask])
           OR EXISTS (SELECT FROM lianyun.financing_decision d WHERE d.request = event[w.ask]::uuid)
    FROM unnest(within) AS w
    ORDER BY w.ask;
END
$$;
