-- Where the given papers and boxes lead besides: the events of those links, onward to the consignments.
WITH RECURSIVE onward (no, id) AS (
    SELECT l.no, l.right_id FROM unnest(%(ids)s::uuid[]) AS n (id) JOIN lianyun.link l ON l.left_id = n.id
    WHERE l.kind < 6
    UNION
    SELECT l.no, l.right_id FROM onward o JOIN lianyun.link l ON l.left_id = o.id WHERE l.kind < 6
)
SELECT DISTINCT no FROM onward
