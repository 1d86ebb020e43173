-- The live links by which anything reaches one of the consignments other than by train, and those between them.
WITH RECURSIVE up (id) AS (
    SELECT id FROM unnest(%(ids)s::uuid[]) AS c (id)
    UNION
    SELECT l.left_id FROM up u JOIN link l ON l.right_id = u.id
    WHERE l.kind IN (1, 2, 3, 4, 5) AND NOT l.dead
)
SELECT l.kind, l.left_id, l.right_id, l.right_kind, l.start_at, l.end_at, l.until, l.publisher, l.territorial, l.shared, l.names
FROM up u JOIN link l ON l.right_id = u.id
WHERE l.kind NOT IN (6, 7) AND NOT l.dead
