-- The SQL of following, by name.

-- name: aside
-- Events put aside, in the order in which that became visible; as in reading events, nothing at or above the horizon.
SELECT q.xid::text, q.no FROM lianyun.quarantine q
WHERE q.xid < pg_snapshot_xmin(pg_current_snapshot()) AND (q.xid, q.no) > (%(xid)s::text::xid8, %(no)s::bigint)
ORDER BY q.xid, q.no
LIMIT %(limit)s

-- name: patience
-- A step thinks between two statements, and holds nobody off while it does: it is no frozen client.
SET LOCAL idle_in_transaction_session_timeout = '15min'

-- name: reached
-- The consignments that facts about the objects may reach, with all that may be or have been one with them, and those on whom
-- a restriction of a place may bear. Dead links and stale ends are followed too: rather too many consignments are judged again
-- than one too few.
WITH RECURSIVE start (id) AS (
    SELECT id FROM unnest(%(ids)s::uuid[]) AS n (id)
    UNION
    SELECT m.object FROM unnest(%(ids)s::uuid[]) AS n (id)
    JOIN lianyun.passing p ON p.object = n.id JOIN lianyun.mention m ON m.no = p.no
), down (id, lo, hi) AS (
    SELECT id, -4611686018427387904, 4611686018427387904 FROM start
    UNION
    SELECT l.right_id, greatest(d.lo, l.start_at), least(d.hi, coalesce(l.end_at, 4611686018427387904))
    FROM down d JOIN lianyun.link l ON l.left_id = d.id
    WHERE l.kind <> 8 AND l.start_at < d.hi AND coalesce(l.end_at, 4611686018427387904) > d.lo
), found (cons) AS (
    SELECT f.cons FROM down d JOIN lianyun.founding f ON f.cons = d.id
    UNION
    SELECT o.cons FROM found f CROSS JOIN LATERAL (
        SELECT l.right_id AS cons FROM lianyun.link l WHERE l.left_id = f.cons AND l.kind = 8
        UNION ALL
        SELECT l.left_id FROM lianyun.link l WHERE l.right_id = f.cons AND l.kind = 8
    ) AS o
)
SELECT cons FROM found
UNION
SELECT k.canonical FROM found f JOIN lianyun.canonical k ON k.cons = f.cons

-- name: unsettled
SELECT (SELECT id FROM lianyun.pending ORDER BY id DESC LIMIT 1)

-- name: varied
SELECT v.id FROM unnest(%(ids)s::uuid[]) AS n (id) JOIN lianyun.variant v ON v.id = n.id
