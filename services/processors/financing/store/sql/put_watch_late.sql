-- The pledged financings that a fact reaches by a link which became known after it: the fact is put down, as if it came now.
-- Nothing is looked for while nobody holds a pledge.
WITH RECURSIVE late (no, id, kind, at) AS (
    SELECT c.no, l.right_id, l.right_kind, c.happened
    FROM link l CROSS JOIN LATERAL (
        SELECT f.no, f.happened FROM claim f
        WHERE f.object = l.left_id AND f.happened >= l.start_at AND f.happened < l.until
          AND f.milestone = ANY (%(milestones)s::smallint[]) AND NOT f.dead
        OFFSET 0
    ) AS c
    WHERE l.no = ANY (%(nos)s::bigint[]) AND l.kind <> 8 AND NOT l.dead
      AND (SELECT true FROM lianyun.financing_hold p WHERE p.pledged AND NOT p.ended LIMIT 1)
), down (no, id, kind, at) AS (
    SELECT * FROM late
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
