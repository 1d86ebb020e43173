-- Every event that is tied to the given ones by corrections and retractions, in either direction.
WITH RECURSIVE tied (id) AS (
    SELECT id FROM unnest(%(ids)s::uuid[]) AS seed (id)
    UNION
    SELECT n.id FROM tied t CROSS JOIN LATERAL (
        SELECT w.target FROM withdrawal w WHERE w.event = t.id
        UNION ALL
        SELECT w.event FROM withdrawal w WHERE w.target = t.id
    ) AS n (id)
)
SELECT id FROM tied
