-- The numbers of all events that may concern the objects of a walk.
WITH way (id, kind, lo, hi) AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::uuid[], %(kinds)s::smallint[], %(los)s::bigint[], %(his)s::bigint[])
), object (id) AS MATERIALIZED (
    SELECT DISTINCT id FROM way
), claimed (no) AS MATERIALIZED (
    SELECT c.no FROM way w JOIN lianyun.claim c ON c.object = w.id AND c.happened >= w.lo AND c.happened < w.hi
    UNION
    SELECT c.no FROM object o JOIN lianyun.claim c ON c.object = o.id AND c.dead
), mentioned (no) AS MATERIALIZED (
    SELECT m.no FROM object o JOIN lianyun.mention m ON m.object = o.id
)
SELECT no FROM claimed
UNION SELECT no FROM mentioned
-- Both sides' lists of the hand-overs.
UNION SELECT c.no FROM (
    SELECT DISTINCT p.object FROM claimed e JOIN lianyun.claim p ON p.no = e.no WHERE p.kind = 8
) AS meeting JOIN lianyun.claim c ON c.object = meeting.object
UNION SELECT f.no FROM object o JOIN lianyun.founding f ON f.cons = o.id
-- Links into each object as far as their times meet, those that declare consignments the same, and where each box was.
UNION SELECT l.no FROM way w JOIN lianyun.link l ON l.right_id = w.id WHERE l.start_at < w.hi AND l.until >= w.lo
UNION SELECT l.no FROM object o JOIN lianyun.link l ON l.right_id = o.id WHERE l.dead
UNION SELECT l.no FROM object o JOIN lianyun.link l ON l.left_id = o.id WHERE l.kind = 8
UNION SELECT l.no FROM object o JOIN lianyun.link l ON l.carried = o.id WHERE l.kind = 1
-- What was handed on to another network before the times met: the way over an open link of a wagon or train ended there.
UNION SELECT b.no FROM way w
JOIN lianyun.link l ON l.right_id = w.id AND l.kind IN (6, 7) AND l.start_at < w.lo AND l.until >= w.lo AND l.end_at IS NULL
JOIN lianyun.link b ON b.carried = l.carried AND b.kind = l.kind AND b.territorial
    AND b.start_at > l.start_at AND b.start_at < w.lo
-- Restrictions at the places that the routes pass.
UNION SELECT m.no FROM (
    SELECT DISTINCT p.object FROM mentioned e JOIN lianyun.passing p ON p.no = e.no
) AS place JOIN lianyun.mention m ON m.object = place.object
