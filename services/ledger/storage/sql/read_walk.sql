-- Everything from which facts reach the given consignments: (object, moments in [lo, hi)), and the links on the way.
-- Dead links are walked too: the reader judges them again. Trains and wagons only as far as their times meet.
WITH RECURSIVE member (id) AS (
    SELECT id FROM unnest(%(ids)s::uuid[]) AS c (id)
    UNION
    SELECT n.id FROM member m CROSS JOIN LATERAL (
        SELECT CASE WHEN l.left_id = m.id THEN l.right_id ELSE l.left_id END
        FROM (
            SELECT s.left_id, s.right_id, s.publisher FROM lianyun.link s WHERE s.left_id = m.id AND s.kind = 8
            UNION ALL
            SELECT s.left_id, s.right_id, s.publisher FROM lianyun.link s WHERE s.right_id = m.id AND s.kind = 8
        ) AS l
        WHERE EXISTS (
            SELECT 1 FROM lianyun.founding f
            WHERE f.cons = m.id AND (f.publisher = l.publisher OR l.publisher = ANY (f.names))
        )
    ) AS n (id)
), up (id, kind, lo, hi) AS (
    SELECT id, 0::smallint, -4611686018427387904, 4611686018427387904 FROM member
    UNION
    SELECT l.left_id, l.kind, greatest(u.lo, l.start_at), least(u.hi, l.until)
    FROM up u CROSS JOIN LATERAL (
        SELECT n.left_id, n.kind, n.start_at, n.until FROM lianyun.link n
        WHERE n.right_id = u.id AND n.kind <> 8 AND n.start_at < u.hi AND n.until >= u.lo
        OFFSET 0  -- from below to above, however many links there are
    ) AS l
)
SELECT id, kind, lo, hi FROM up
