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
