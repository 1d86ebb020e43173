-- deploy: before
-- What a train of the dashboards carries, without what was taken off it before, elsewhere than at a border, and the cargo that had left
-- the box: by the word of the authority of the place or of whoever stated the ride. The board (services.query.board) also knows the parties of each consignment
-- and whether a train can have come to where somebody unloads it.
SET LOCAL check_function_bodies = off;

CREATE OR REPLACE FUNCTION lianyun.train_cargo(trains uuid[], moments bigint[])
RETURNS TABLE (train uuid, box uuid, loading bigint, consignments uuid[])
LANGUAGE sql STABLE ROWS 1000 AS $$
    WITH RECURSIVE down (train, id, kind, box, no, at) AS (
        SELECT t.train, t.train, 7::smallint, NULL::uuid, NULL::bigint, t.at FROM unnest(trains, moments) AS t (train, at)
        UNION
        SELECT d.train, l.right_id, l.right_kind, CASE WHEN l.right_kind = 4 THEN l.right_id ELSE d.box END,
               CASE WHEN l.right_kind = 4 THEN l.no ELSE d.no END, d.at
        FROM down d JOIN lianyun.link l ON l.left_id = d.id
        WHERE d.kind <> 1 AND l.kind < 11 AND l.kind <> 8 AND NOT l.dead AND l.start_at <= d.at AND l.until > d.at
          AND NOT (l.kind IN (6, 7) AND l.end_at IS NULL AND EXISTS (
              SELECT FROM lianyun.link f
              WHERE f.right_id IN (l.left_id, l.right_id) AND f.kind > 10 AND NOT f.dead AND (f.left_id <> l.left_id OR f.kind = 11)
                AND f.start_at > l.start_at + 3600000000 AND f.start_at <= d.at AND (f.territorial OR f.publisher = l.publisher)
                AND NOT EXISTS (
                    SELECT FROM lianyun.claim c JOIN lianyun.reference_side s ON c.place IN (s.near, s.far, s.itself)
                    WHERE c.object = f.right_id AND c.happened = f.start_at - 1 AND c.no = f.no)))
    )
    SELECT d.train, d.box, min(d.no), array_agg(DISTINCT h.cons) FILTER (WHERE h.cons IS NOT NULL AND NOT EXISTS (
        SELECT FROM lianyun.reach r
        WHERE r.cons = h.cons AND d.box = ANY (r.objects) AND NOT EXISTS (
            SELECT FROM unnest(r.objects, r.starts, r.untils) AS w (object, start_at, until)
            WHERE w.object = d.box AND w.start_at <= d.at AND d.at < w.until)))
    FROM down d
    LEFT JOIN lianyun.canonical k ON k.cons = d.id AND d.kind = 1
    LEFT JOIN lianyun.head h ON h.cons = coalesce(k.canonical, d.id) AND d.kind = 1 AND h.founded
    WHERE d.box IS NOT NULL
    GROUP BY d.train, d.box
$$;
