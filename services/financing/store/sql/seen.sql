-- The facts of these numbers and the events that are found under subjects, with all that withdraws or lifts them, at any depth,
-- and all contents under their ids: one after the other, what is a fact and found under a subject among both.
WITH RECURSIVE told (is_fact, id) AS (
    SELECT n.is_fact, b.id FROM (
        SELECT true, f.no FROM unnest(%(facts)s::bigint[]) AS f (no)
        UNION ALL
        SELECT false, w.no FROM lianyun.financing_word w WHERE w.subject = ANY (%(subjects)s::uuid[])
    ) AS n (is_fact, no) JOIN lianyun.body b ON b.no = n.no
    UNION
    SELECT t.is_fact, n.id FROM told t CROSS JOIN LATERAL (
        SELECT w.event FROM lianyun.withdrawal w WHERE w.target = t.id
        UNION ALL
        SELECT b.id FROM lianyun.mention m JOIN lianyun.body b ON b.no = m.no WHERE m.object = t.id
    ) AS n (id)
), numbers (is_fact, no) AS (
    SELECT DISTINCT t.is_fact, c.no FROM told t CROSS JOIN LATERAL (
        SELECT i.no FROM lianyun.identity i WHERE i.id = t.id
        UNION ALL
        SELECT v.no FROM lianyun.variant v WHERE v.id = t.id
    ) AS c
)
SELECT n.is_fact, b.no, b.id, b.content, t.name, b.part, b."offset", b.appended, b.registry, b.rules, b.key_id, b.headers,
       b.payload, EXISTS (SELECT 1 FROM lianyun.quarantine q WHERE q.no = b.no)
FROM numbers n
JOIN lianyun.body b ON b.no = n.no
JOIN lianyun.topic t ON t.no = b.topic
ORDER BY b.no
