-- The consignments (not only canonical ones) whose structure the given events may touch. Liveness and time are left
-- aside on purpose: what a link says no longer, or said for another time, must be looked at as well.
WITH RECURSIVE down (id, kind) AS (
    SELECT id, kind FROM (
        SELECT l.right_id AS id, l.right_kind AS kind
        FROM unnest(%(nos)s::bigint[]) AS n (no) JOIN link l ON l.no = n.no
        WHERE l.kind NOT IN (6, 7, 9)
        UNION ALL
        SELECT l.left_id, 1::smallint
        FROM unnest(%(nos)s::bigint[]) AS n (no) JOIN link l ON l.no = n.no
        WHERE l.kind = 8
        UNION ALL
        SELECT f.cons, 1::smallint FROM unnest(%(nos)s::bigint[]) AS n (no) JOIN founding f ON f.no = n.no
        UNION ALL
        SELECT c.id, 1::smallint FROM unnest(%(consignments)s::uuid[]) AS c (id)
    ) AS seed
    UNION
    SELECT n.id, n.kind FROM down d CROSS JOIN LATERAL (
        SELECT l.right_id, l.right_kind FROM link l WHERE l.left_id = d.id AND l.kind IN (2, 3, 4, 5, 10)
        UNION ALL
        -- Declared the same by a party of this side: strangers cannot tie consignments together.
        SELECT CASE WHEN l.left_id = d.id THEN l.right_id ELSE l.left_id END, 1::smallint
        FROM (
            SELECT s.left_id, s.right_id, s.publisher FROM link s WHERE s.left_id = d.id AND s.kind = 8
            UNION ALL
            SELECT s.left_id, s.right_id, s.publisher FROM link s WHERE s.right_id = d.id AND s.kind = 8
        ) AS l
        WHERE d.kind = 1 AND EXISTS (
            SELECT 1 FROM founding f
            WHERE f.cons = d.id AND (f.publisher = l.publisher OR l.publisher = ANY (f.names))
        )
    ) AS n (id, kind)
)
SELECT id FROM down WHERE kind = 1
