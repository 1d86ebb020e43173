-- The same for an identity, whoever brought it where: an accepted event, else the letter that was seen last.
WITH found (no) AS MATERIALIZED (
    SELECT i.no FROM lianyun.identity i WHERE i.id = %(id)s::uuid
), start (id, lo, hi) AS MATERIALIZED (
    SELECT s.id, s.lo, s.hi FROM found f CROSS JOIN LATERAL lianyun.spoken_of(f.no) AS s
), founded (cons) AS (
    SELECT g.cons
    FROM (SELECT array_agg(1::bigint) AS ones, array_agg(id) AS ids, array_agg(lo) AS los, array_agg(hi) AS his FROM start) AS s
    CROSS JOIN LATERAL lianyun.led_to(s.ones, s.ids, s.los, s.his) AS d
    JOIN lianyun.founding g ON g.cons = d.id AND NOT g.dead
), letter AS (
    SELECT e.reason, e.detail, e.pointer, e.remedy FROM lianyun.dead_letter e
    WHERE e.event = %(id)s::uuid AND e.publisher = %(publisher)s
    ORDER BY e.last_append DESC, e.digest
    LIMIT 1
)
SELECT f.no IS NOT NULL,
       f.no IS NOT NULL AND EXISTS (SELECT FROM lianyun.variant v WHERE v.id = %(id)s::uuid),
       true,
       EXISTS (SELECT FROM lianyun.quarantine q WHERE q.no = f.no),
       EXISTS (SELECT FROM start) AND NOT EXISTS (SELECT FROM founded),
       e.reason, e.detail, e.pointer, e.remedy
FROM (SELECT 1) AS one
LEFT JOIN found f ON true
LEFT JOIN letter e ON true
WHERE f.no IS NOT NULL OR e.reason IS NOT NULL
