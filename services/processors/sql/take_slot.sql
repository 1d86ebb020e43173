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
