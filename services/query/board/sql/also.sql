-- The other trains that carry the boxes around a moment, and the events that say so: the same cargo under another railway's number.
SELECT DISTINCT b.train, t.left_id, t.no
FROM unnest(%(trains)s::uuid[], %(boxes)s::uuid[], %(moments)s::bigint[]) AS b (train, box, at)
JOIN lianyun.link w ON w.right_id = b.box AND w.kind = 6 AND NOT w.dead
JOIN lianyun.link t ON t.right_id = w.left_id AND t.kind = 7 AND NOT t.dead
WHERE t.left_id <> b.train AND t.start_at BETWEEN b.at - %(around)s AND b.at + %(around)s
UNION
SELECT s.left_id, s.right_id, s.no FROM lianyun.link s
WHERE s.left_id = ANY (%(trains)s::uuid[]) AND s.kind = 9 AND NOT s.dead
