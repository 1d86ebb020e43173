-- The SQL of the worker shell, by name.

-- name: lock_slots
-- One taker at a time per group; released at the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('lianyun.worker_slot/' || %(group)s, 0))

-- name: release_slot
-- Kept as the owner's, but free for anybody.
UPDATE lianyun.worker_slot SET leased_until = '-infinity'
WHERE worker_group = %(group)s AND slot = %(slot)s AND holder = %(holder)s

-- name: renew_slot
UPDATE lianyun.worker_slot SET leased_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE worker_group = %(group)s AND slot = %(slot)s AND holder = %(holder)s

-- name: stored_records
-- The messages that were accepted from a partition, in the order of their offsets; where offsets were given out again, several under one.
SELECT b."offset", b.appended, b.headers, b.payload
FROM lianyun.body b
JOIN lianyun.topic t ON t.no = b.topic
WHERE t.name = %(topic)s AND b.part = %(part)s AND b."offset" >= %(start)s AND b."offset" < %(stop)s
ORDER BY b."offset"

-- name: take_slot
-- The owner's own slot, else the lowest whose lease is over, else the lowest that never was; in that order.
INSERT INTO lianyun.worker_slot (worker_group, slot, owner, holder, leased_until)
SELECT %(group)s, choice.slot, %(owner)s, %(holder)s, clock_timestamp() + make_interval(secs => %(lease)s)
FROM (
    SELECT slot, 0 AS rank FROM lianyun.worker_slot WHERE worker_group = %(group)s AND owner = %(owner)s
    UNION ALL
    SELECT slot, 1 FROM lianyun.worker_slot WHERE worker_group = %(group)s AND leased_until < clock_timestamp()
    UNION ALL
    SELECT number, 1
    FROM generate_series(
        0, (SELECT coalesce(max(slot) + 1, 0) FROM lianyun.worker_slot WHERE worker_group = %(group)s)
    ) AS number
    WHERE NOT EXISTS (
        SELECT 1 FROM lianyun.worker_slot AS taken WHERE taken.worker_group = %(group)s AND taken.slot = number
    )
    ORDER BY rank, slot
    LIMIT 1
) AS choice
ON CONFLICT (worker_group, slot) DO UPDATE
SET owner = excluded.owner, holder = excluded.holder, leased_until = excluded.leased_until
RETURNING slot
