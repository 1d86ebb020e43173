-- The founded consignments that the events of each batch (%(width)s numbers from its first on) reach by the links of their time. What an event withdraws
-- counts as touched too, and so do both ends of a link.
WITH batch (xid, first_no, key) AS MATERIALIZED (
    SELECT * FROM unnest(%(xids)s::text[], %(nos)s::bigint[]) WITH ORDINALITY
), told (key, no) AS (
    SELECT b.key, y.no
    FROM batch b
    CROSS JOIN LATERAL (
        SELECT e.no FROM lianyun.body e WHERE e.no >= b.first_no AND e.no < b.first_no + %(width)s
    ) AS y
    UNION
    SELECT b.key, i.no
    FROM batch b
    CROSS JOIN LATERAL (
        SELECT e.id FROM lianyun.body e WHERE e.no >= b.first_no AND e.no < b.first_no + %(width)s
    ) AS y
    JOIN lianyun.withdrawal w ON w.event = y.id
    JOIN lianyun.identity i ON i.id = w.target
), start (keys, ids, los, his) AS (
    SELECT array_agg(s.key), array_agg(s.id), array_agg(s.lo), array_agg(s.hi) FROM (
        SELECT DISTINCT t.key, s.id, s.lo, s.hi FROM told t CROSS JOIN LATERAL lianyun.spoken_of(t.no) AS s
    ) AS s
)
SELECT DISTINCT b.xid, d.id
FROM start s
CROSS JOIN LATERAL lianyun.led_to(s.keys, s.ids, s.los, s.his) AS d
JOIN batch b ON b.key = d.key
WHERE EXISTS (SELECT FROM lianyun.founding f WHERE f.cons = d.id)
