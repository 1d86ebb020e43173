-- The live links by which anything reaches one of the consignments other than by train, and those between them.
WITH RECURSIVE up (id) AS (
    SELECT id FROM unnest(%(ids)s::uuid[]) AS c (id)
    UNION
    SELECT l.left_id FROM up u CROSS JOIN LATERAL (
        SELECT n.left_id FROM link n WHERE n.right_id = u.id AND n.kind IN (1, 2, 3, 4, 5, 10) AND NOT n.dead
        OFFSET 0  -- from above to below, whatever the planner believes about empty tables
    ) AS l
)
SELECT l.kind, l.left_id, l.right_id, l.right_kind, l.start_at, l.until, l.publisher, l.territorial, l.shared, l.names
FROM up u CROSS JOIN LATERAL (
    SELECT n.* FROM link n WHERE n.right_id = u.id AND n.kind NOT IN (6, 7, 9) AND NOT n.dead OFFSET 0
) AS l
