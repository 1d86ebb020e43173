-- The events that are found under subjects, with all that withdraws them at any depth and all contents under their ids.
WITH RECURSIVE told (id) AS (
    SELECT b.id FROM lianyun.financing_word w JOIN lianyun.body b ON b.no = w.no
    WHERE w.subject = ANY (%(subjects)s::uuid[])
    UNION
    SELECT n.id FROM told t CROSS JOIN LATERAL (
        SELECT w.event FROM lianyun.withdrawal w WHERE w.target = t.id
        UNION ALL
        SELECT b.id FROM lianyun.mention m JOIN lianyun.body b ON b.no = m.no WHERE m.object = t.id
    ) AS n (id)
), numbers (no) AS (
    SELECT DISTINCT c.no FROM told t CROSS JOIN LATERAL (
        SELECT i.no FROM lianyun.identity i WHERE i.id = t.id
        UNION ALL
        SELECT v.no FROM lianyun.variant v WHERE v.id = t.id
    ) AS c
)
SELECT b.no, b.id, b.content, t.name, b.part, b."offset", b.appended, b.registry, b.rules, b.key_id, b.headers,
       b.payload, EXISTS (SELECT 1 FROM lianyun.quarantine q WHERE q.no = b.no)
FROM numbers n
JOIN lianyun.body b ON b.no = n.no
JOIN lianyun.topic t ON t.no = b.topic
ORDER BY b.no
