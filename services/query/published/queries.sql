-- The SQL of what a party published, by name.

-- name: contradicted_per_day
-- Events of these keys under whose id another content is stored.
SELECT b.appended / 86400000000, count(DISTINCT b.id)
FROM lianyun.variant v
CROSS JOIN LATERAL (SELECT v.no UNION SELECT i.no FROM lianyun.identity i WHERE i.id = v.id) AS n
JOIN lianyun.body b ON b.no = n.no
WHERE b.key_id = ANY (%(keys)s::bigint[]) AND b.appended >= %(since)s AND b.appended < %(until)s
GROUP BY 1

-- name: last_of_keys
-- When each key signed last what was accepted.
SELECT k.key, l.appended
FROM unnest(%(keys)s::bigint[]) AS k (key)
CROSS JOIN LATERAL (SELECT max(b.appended) AS appended FROM lianyun.body b WHERE b.key_id = k.key) AS l

-- name: of_keys
-- The latest events that these keys signed, each key by its index; whether the headers hold what is looked for.
SELECT n.no, n.appended, n.matches
FROM unnest(%(keys)s::bigint[]) AS k (key)
CROSS JOIN LATERAL (
    SELECT b.no, b.appended, position(%(header)s::bytea IN b.headers) > 0 AND position(%(batch)s::bytea IN b.headers) > 0 AS matches
    FROM lianyun.body b
    WHERE b.key_id = k.key AND b.appended >= %(since)s AND (b.appended, b.no) < (%(before)s, %(before_no)s)
    ORDER BY b.appended DESC, b.no DESC
    LIMIT %(look)s
) AS n
ORDER BY n.appended DESC, n.no DESC
LIMIT %(look)s

-- name: per_day
-- Events that these keys signed, by UTC day of their append: of the index alone. With the snapshot that saw them, and the partitions in
-- which they are; a row without a day where there are none.
SELECT s.snapshot, s.partitions, d.day, d.events
FROM (
    SELECT pg_current_snapshot()::text,
           ARRAY(SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = 'lianyun.body'::regclass ORDER BY 1)
) AS s (snapshot, partitions)
LEFT JOIN (
    SELECT b.appended / 86400000000, count(*)
    FROM unnest(%(keys)s::bigint[]) AS k (key)
    JOIN lianyun.body b ON b.key_id = k.key AND b.appended >= %(since)s AND b.appended < %(until)s
    GROUP BY 1
) AS d (day, events) ON true

-- name: per_day_since
-- The same of the batches that another snapshot did not see, with how many events of all keys these stored; none of more than ``most``.
WITH stored AS MATERIALIZED (
    SELECT t.first_no, t.events FROM lianyun.batch t
    WHERE t.xid >= pg_snapshot_xmin(%(snapshot)s::text::pg_snapshot)
      AND NOT pg_visible_in_snapshot(t.xid, %(snapshot)s::text::pg_snapshot)
), total (events) AS MATERIALIZED (
    SELECT coalesce(sum(t.events), 0)::bigint FROM stored t
)
SELECT s.snapshot, s.partitions, n.events, d.day, d.events
FROM (
    SELECT pg_current_snapshot()::text,
           ARRAY(SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = 'lianyun.body'::regclass ORDER BY 1)
) AS s (snapshot, partitions)
CROSS JOIN total n
LEFT JOIN (
    SELECT e.appended / 86400000000, count(*)
    FROM stored t CROSS JOIN LATERAL (
        SELECT b.appended FROM lianyun.body b
        WHERE b.no >= t.first_no AND b.no < t.first_no + 4096 AND b.key_id = ANY (%(keys)s::bigint[])
          AND b.appended >= %(since)s AND b.appended < %(until)s
        OFFSET 0
    ) AS e
    WHERE (SELECT events FROM total) <= %(most)s
    GROUP BY 1
) AS d (day, events) ON true

-- name: quarantined_per_day
-- Events of these keys that count as if they had never been accepted.
SELECT b.appended / 86400000000, count(*)
FROM lianyun.quarantine q
JOIN lianyun.body b ON b.no = q.no
WHERE b.key_id = ANY (%(keys)s::bigint[]) AND b.appended >= %(since)s AND b.appended < %(until)s
GROUP BY 1

-- name: reach
-- The consignments that an event reaches, by the ids under which their groups are known.
WITH start (id, lo, hi) AS MATERIALIZED (
    SELECT s.id, s.lo, s.hi FROM lianyun.spoken_of(%(no)s) AS s
)
SELECT DISTINCT coalesce(k.canonical, g.cons)
FROM (SELECT array_agg(1::bigint) AS ones, array_agg(id) AS ids, array_agg(lo) AS los, array_agg(hi) AS his FROM start) AS s
CROSS JOIN LATERAL lianyun.led_to(s.ones, s.ids, s.los, s.his) AS d
JOIN lianyun.founding g ON g.cons = d.id AND NOT g.dead
LEFT JOIN lianyun.canonical k ON k.cons = g.cons
ORDER BY 1
LIMIT %(most)s

-- name: refused_since
-- Messages put down to a party that were refused, with those beyond the bound on letters.
SELECT (SELECT count(*) FROM lianyun.dead_letter d WHERE d.publisher = %(publisher)s AND d.last_append >= %(since)s)
     + (SELECT coalesce(sum(c.messages), 0) FROM lianyun.dead_letter_cut c
        WHERE c.publisher = %(publisher)s AND c.last_append >= %(since)s)
