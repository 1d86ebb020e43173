-- The pledged financings of the cargo that each fact reaches by the links of its time: of facts that come now, and of those that
-- become news by a link that comes now. For the latter nothing is looked for while nobody holds a pledge.
WITH late (no, id, at) AS (
    SELECT c.no, l.right_id, c.happened
    FROM lianyun.link l CROSS JOIN LATERAL (
        SELECT f.no, f.happened FROM lianyun.claim f
        WHERE f.object = l.left_id AND f.happened >= l.start_at AND f.happened < l.until
          AND f.milestone = ANY (%(milestones)s::smallint[]) AND NOT f.dead
        OFFSET 0
    ) AS c
    WHERE l.no = ANY (%(linked)s::bigint[]) AND l.kind <> 8 AND NOT l.dead
      AND (SELECT true FROM lianyun.financing_hold p WHERE p.pledged AND NOT p.ended LIMIT 1)
), facts (nos, ids, los, his) AS (
    SELECT array_agg(f.no), array_agg(f.id), array_agg(f.at), array_agg(f.at + 1) FROM (
        SELECT * FROM unnest(%(nos)s::bigint[], %(objects)s::uuid[], %(moments)s::bigint[]) AS n (no, id, at)
        UNION ALL
        SELECT * FROM late
    ) AS f
), reached (no, id) AS (
    SELECT d.key, d.id FROM facts f CROSS JOIN LATERAL lianyun.led_to(f.nos, f.ids, f.los, f.his) AS d
), called (no, id) AS (
    SELECT * FROM reached
    UNION
    SELECT r.no, o.cons FROM reached r
    JOIN lianyun.canonical k ON k.cons = r.id
    JOIN lianyun.canonical o ON o.canonical = k.canonical
)
INSERT INTO lianyun.financing_watch (financing, no)
SELECT DISTINCT h.financing, r.no
FROM called r
JOIN lianyun.financing_cargo c ON c.consignment = r.id
JOIN lianyun.financing_hold h ON h.financing = c.financing
WHERE h.pledged AND NOT h.ended
ORDER BY h.financing, r.no
ON CONFLICT (financing, no) DO NOTHING
