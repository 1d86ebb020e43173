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
