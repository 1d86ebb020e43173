-- Several decisions in one transaction: what they depend on is found, locked in the order of every writer over all of them, and
-- found again. What one request alone was locked by (financing_hold_all) stays for processes of the release before.

-- What the request at a place of the arrays is about, before and behind the locks, as lianyun.financing_scope finds it.
CREATE TYPE lianyun.financing_scoped AS (ask integer, things uuid[], consignments uuid[], digests uuid[]);

-- What is locked for it: its groups, the financings that are named or hold any of the same, and the keys of all that.
CREATE TYPE lianyun.financing_within AS (
    ask integer, steady boolean, consignments uuid[], involved uuid[], keys bigint[]
);

-- The number by which an id is locked: its first half.
CREATE FUNCTION lianyun.financing_key(id uuid) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ('x' || left(replace(id::text, '-', ''), 16))::bit(64)::bigint
$$;

CREATE FUNCTION lianyun.financing_scopes(named text[], kinds text[], financings text[], own text[], prints text[])
RETURNS lianyun.financing_scoped[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT array_agg(ROW(a.ask, s.things, s.consignments, s.digests)::lianyun.financing_scoped ORDER BY a.ask)
        FROM unnest(named, kinds, financings, own, prints) WITH ORDINALITY AS a (named, kinds, financings, own, prints, ask)
        CROSS JOIN LATERAL lianyun.financing_scope(
            a.named::uuid[], a.kinds::smallint[], a.financings::uuid[], a.own::uuid, a.prints::uuid[]
        ) AS s
    );
END
$$;

-- Locks registry, versions of fingerprints, heads and keys of all requests in this order and keeps them until the transaction ends.
-- Each statement of it sees what was committed before that statement, so what is found behind the locks nobody else can change.
-- Each place of the arrays is one request, in words of an array where it holds several. Nothing is locked but registry and versions
-- where the versions are not those by which the fingerprints were made: one row then, without a request. "steady" is false where
-- the scope of that request changed while it was locked. Rows behind the locks are read by statements that come after it;
-- lianyun.consignments, lianyun.involved and lianyun.subjects tell them, in this transaction and for each request, what is locked and
-- whose words are asked for.
CREATE FUNCTION lianyun.financing_hold_group(
    named text[], kinds text[], financings text[], own text[], prints text[],
    made_by text[],     -- the versions, as they are returned
    further text[],     -- keys of the request itself
    told text[],        -- subjects of words that it tells
    disposes boolean[], -- it is about the cargo, whoever financed it
    asker text[], called text[], event text[]    -- who asks, under which name or by which event
) RETURNS TABLE (
    ask integer, registry bigint, versions text[], consignments uuid[], involved uuid[], keys bigint[],
    moment bigint, "position" bigint, number bigint, steady boolean,
    ruled boolean, answered boolean, repeated boolean   -- whether such rows are there at all
) LANGUAGE plpgsql AS $$
DECLARE
    before lianyun.financing_scoped[];
    behind lianyun.financing_scoped[];
    within lianyun.financing_within[];
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
    -- Batches that fold these consignments end before, or begin after: what they bring is seen whole or not at all.
    PERFORM h.cons FROM lianyun.head h
    WHERE h.cons = ANY (ARRAY(SELECT DISTINCT unnest(b.consignments) FROM unnest(before) AS b))
    ORDER BY h.cons FOR SHARE;
    PERFORM pg_advisory_xact_lock(k.key) FROM (
        SELECT DISTINCT f.key FROM (
            SELECT unnest(u.own::bigint[]) FROM unnest(further) AS u (own)
            UNION ALL
            SELECT lianyun.financing_key(i.id) FROM (
                SELECT unnest(b.things || b.consignments || b.digests) FROM unnest(before) AS b
                UNION ALL
                SELECT unnest(u.names::uuid[]) FROM unnest(financings) AS u (names)
            ) AS i (id)
        ) AS f (key)
        ORDER BY f.key
    ) AS k;
    behind := lianyun.financing_scopes(named, kinds, financings, own, prints);
    SELECT array_agg(ROW(
        n.ask, b IS NOT DISTINCT FROM before[n.ask], b.consignments, i.ids,
        ARRAY(SELECT lianyun.financing_key(k.id) FROM unnest(b.things || b.consignments || b.digests || i.ids) AS k (id))
        || n.further::bigint[]
    )::lianyun.financing_within ORDER BY n.ask) INTO within
    FROM unnest(financings, further, disposes) WITH ORDINALITY AS n (financings, further, disposes, ask)
    CROSS JOIN LATERAL (SELECT (behind[n.ask]).*) AS b
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
    ) AS ids) AS i;
    PERFORM set_config('lianyun.consignments', array_agg(w.consignments::text ORDER BY w.ask)::text, true),
            set_config('lianyun.involved', array_agg(w.involved::text ORDER BY w.ask)::text, true),
            set_config('lianyun.subjects', array_agg((told[w.ask]::uuid[] || w.involved)::text ORDER BY w.ask)::text, true)
    FROM unnest(within) AS w;
    moment := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    -- The snapshot of this very statement: what is read behind the locks is read by it and by later ones.
    RETURN QUERY
    SELECT w.ask, registry, versions, w.consignments, w.involved, w.keys, moment,
           pg_snapshot_xmin(pg_current_snapshot())::text::bigint, nextval('lianyun.financing_number'), w.steady,
           EXISTS (SELECT FROM lianyun.financing_touched t WHERE t.financing = ANY (w.involved)),
           EXISTS (SELECT FROM lianyun.financing_external x WHERE x.financing = own[w.ask]::uuid),
           EXISTS (SELECT FROM lianyun.financing_decision d WHERE d.asked_by = asker[w.ask] AND d.idempotency = called[w.ask])
           OR EXISTS (SELECT FROM lianyun.financing_decision d WHERE d.request = event[w.ask]::uuid)
    FROM unnest(within) AS w
    ORDER BY w.ask;
END
$$;
