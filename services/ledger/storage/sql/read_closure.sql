-- The given events with all that withdraws or lifts them, at any depth, and all contents under their ids.
WITH RECURSIVE told (id) AS (
    SELECT b.id FROM unnest(%(nos)s::bigint[]) AS n (no) JOIN lianyun.body b ON b.no = n.no
    UNION
    SELECT n.id FROM told t CROSS JOIN LATERAL (
        SELECT w.event FROM lianyun.withdrawal w WHERE w.target = t.id
        UNION ALL
        SELECT b.id FROM lianyun.mention m JOIN lianyun.body b ON b.no = m.no WHERE m.object = t.id
    ) AS n (id)
)
SELECT c.no FROM told t CROSS JOIN LATERAL (
    SELECT i.no FROM lianyun.identity i WHERE i.id = t.id
    UNION ALL
    SELECT v.no FROM lianyun.variant v WHERE v.id = t.id
) AS c
