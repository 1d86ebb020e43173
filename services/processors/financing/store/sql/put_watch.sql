-- The pledged financings of the cargo that each fact reaches by the links of its time.
WITH RECURSIVE down (no, id, kind, at) AS (
    SELECT * FROM unnest(%(nos)s::bigint[], %(objects)s::uuid[], %(kinds)s::smallint[], %(moments)s::bigint[])
    UNION
    SELECT d.no, l.right_id, l.right_kind, d.at
    FROM down d JOIN link l ON l.left_id = d.id
    WHERE d.kind <> 1 AND l.kind <> 8 AND NOT l.dead AND l.start_at <= d.at AND l.until > d.at
), reached (no, id) AS (
    SELECT d.no, d.id FROM down d WHERE d.kind = 1
    UNION
    SELECT d.no, o.cons FROM down d
    JOIN canonical k ON k.cons = d.id
    JOIN canonical o ON o.canonical = k.canonical
    WHERE d.kind = 1
)
INSERT INTO lianyun.financing_watch (financing, no)
SELECT DISTINCT h.financing, r.no
FROM reached r
JOIN lianyun.financing_cargo c ON c.consignment = r.id
JOIN lianyun.financing_hold h ON h.financing = c.financing
WHERE h.pledged AND NOT h.ended
ORDER BY h.financing, r.no
ON CONFLICT (financing, no) DO NOTHING
