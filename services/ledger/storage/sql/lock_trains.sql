INSERT INTO train_head (train)
SELECT DISTINCT c.object FROM (
    SELECT n.object FROM claim n WHERE n.no >= %(first)s AND n.no < %(top)s AND n.kind = 7
    UNION ALL
    SELECT n.object FROM unnest(%(flipped)s::bigint[]) AS f (no) JOIN claim n ON n.no = f.no WHERE n.kind = 7
) AS c
ORDER BY c.object
ON CONFLICT (train) DO UPDATE SET train = excluded.train WHERE false
