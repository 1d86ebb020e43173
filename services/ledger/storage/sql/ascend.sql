-- The live links by which anything reaches one of the consignments other than by train, and those between them. Above
-- boxes are wagons and trains only: nothing is looked for there.
WITH RECURSIVE up (kind, left_id, right_id, start_at, until, publisher, territorial, names) AS (
    SELECT l.* FROM unnest(%(ids)s::uuid[]) AS c (id) CROSS JOIN LATERAL (
        SELECT n.kind, n.left_id, n.right_id, n.start_at, n.until, n.publisher, n.territorial, n.names
        FROM link n WHERE n.right_id = c.id AND NOT n.dead
        OFFSET 0  -- from below to above, whatever the planner believes about empty tables
    ) AS l
    UNION
    SELECT l.* FROM up u CROSS JOIN LATERAL (
        SELECT n.kind, n.left_id, n.right_id, n.start_at, n.until, n.publisher, n.territorial, n.names
        FROM link n WHERE n.right_id = u.left_id AND NOT n.dead
        OFFSET 0
    ) AS l
    WHERE u.kind NOT IN (1, 8)
)
SELECT * FROM up
