-- What stands on any list of the hand-overs of which a new list tells: a box that it leaves out is concerned as well.
SELECT DISTINCT other.object
FROM unnest(%(ids)s::uuid[], %(los)s::bigint[], %(his)s::bigint[]) AS n (id, lo, hi)
JOIN lianyun.claim told ON told.object = n.id AND told.happened BETWEEN n.lo AND n.hi
JOIN lianyun.claim other ON other.no = told.no
