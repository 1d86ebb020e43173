-- deploy: before
-- What a fact frees (kinds of links from 11 on) is free from then on, and the fact speaks of no later journey.
SET LOCAL check_function_bodies = off;

CREATE OR REPLACE FUNCTION lianyun.spoken_of(event bigint) RETURNS TABLE (id uuid, lo bigint, hi bigint)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 AS $$
    SELECT c.object, c.happened, c.happened + 1 FROM lianyun.claim c WHERE c.no = event
    UNION ALL
    SELECT n.id, l.start_at, l.until FROM lianyun.link l CROSS JOIN LATERAL (VALUES (l.left_id), (l.right_id)) AS n (id)
    WHERE l.no = event AND l.kind < 11
    UNION ALL
    SELECT f.cons, -4611686018427387904, 4611686018427387904 FROM lianyun.founding f WHERE f.no = event
$$;
