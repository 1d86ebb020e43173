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
-- Events that these keys signed, by UTC day of their append: of the index alone.
SELECT b.appended / 86400000000, count(*)
FROM unnest(%(keys)s::bigint[]) AS k (key)
JOIN lianyun.body b ON b.key_id = k.key AND b.appended >= %(since)s AND b.appended < %(until)s
GROUP BY 1
ORDER BY 1

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
