-- The SQL of the transparency log, by name.

-- name: access_log
-- Lines of a stream stand in its order, so one that shows has all before it.
SELECT l.place, l.at, l.seal FROM lianyun.access_log l
WHERE l.stream = %(stream)s AND l.place > %(minor)s ORDER BY l.place LIMIT %(limit)s

-- name: access_log_sealed
-- Lines of a stream stand in its order, so one that shows has all before it.
SELECT l.place, l.at, l.seal FROM lianyun.access_log_sealed l
WHERE l.stream = %(stream)s AND l.place > %(minor)s ORDER BY l.place LIMIT %(limit)s

-- name: advance
UPDATE lianyun.transparency_cursor SET major = %(major)s, minor = %(minor)s WHERE source = %(source)s

-- name: case_steps
-- Nothing at or above the horizon: a step of a smaller transaction may still appear before.
SELECT s.xid::text, s.number, s.at, s.headers, s.payload FROM lianyun.case_step s
WHERE s.xid < pg_snapshot_xmin(pg_current_snapshot()) AND (s.xid, s.number) > (%(major)s::text::xid8, %(minor)s)
ORDER BY s.xid, s.number LIMIT %(limit)s

-- name: cosign
-- Never back: of two that ask witnesses at once, the larger tree stays.
UPDATE lianyun.transparency_head SET cosigned = %(cosigned)s
WHERE key = %(key)s AND size >= %(size)s
  AND coalesce(split_part(cosigned, E'\n', 2)::bigint, -1) < %(size)s

-- name: create_head
INSERT INTO lianyun.transparency_head (key, size, root, checkpoint, at)
VALUES (%(key)s, 0, %(root)s, %(checkpoint)s, %(at)s)
ON CONFLICT DO NOTHING RETURNING one

-- name: credit_record
SELECT t.no, t.change, c.body FROM lianyun.receipt_register t JOIN lianyun.credit_record c ON c.no = %(no)s
WHERE t.register = 'credit_record' AND t.key = %(no)s::text ORDER BY t.no LIMIT 1

-- name: cursors
-- Registers and streams that have nothing new are left out.
SELECT c.source, c.major, c.minor FROM lianyun.transparency_cursor c
LEFT JOIN lianyun.audit_head h ON c.source = 'register ' || h.register
LEFT JOIN lianyun.access_stream s ON c.source = s.log || ' ' || s.stream
WHERE coalesce(h.entries, s.lines, c.minor + 1) > c.minor
ORDER BY c.source

-- name: decision
SELECT d.number, d.at, d.headers, d.payload, d.financing, d.request, d.asked_by, d.applicant
FROM lianyun.financing_decision d WHERE d.number = %(number)s

-- name: decisions
SELECT d.xid::text, d.number, d.at, d.headers, d.payload FROM lianyun.financing_decision d
WHERE d.xid < pg_snapshot_xmin(pg_current_snapshot()) AND (d.xid, d.number) > (%(major)s::text::xid8, %(minor)s)
ORDER BY d.xid, d.number LIMIT %(limit)s

-- name: decisions_on
-- What was decided on a financing, and what ended it in favour of another one.
SELECT d.number, d.at, d.headers, d.payload FROM lianyun.financing_decision d
WHERE (d.financing = %(financing)s OR %(financing)s = ANY (d.frees)) AND d.outcome = 'DONE' AND d.number <= %(until)s ORDER BY d.number

-- name: document_decisions
SELECT d.xid::text, d.number, d.at, d.headers, d.payload FROM lianyun.document_decision d
WHERE d.xid < pg_snapshot_xmin(pg_current_snapshot()) AND (d.xid, d.number) > (%(major)s::text::xid8, %(minor)s)
ORDER BY d.xid, d.number LIMIT %(limit)s

-- name: entries
SELECT e.index, e.entry FROM lianyun.transparency_entry e WHERE e.index >= %(first)s AND e.index < %(end)s ORDER BY e.index

-- name: entries_of
SELECT e.position, e.index, e.salt, e.entry FROM lianyun.transparency_entry e
WHERE e.source = %(source)s AND e.position = ANY (%(positions)s::text[])

-- name: entry_of
SELECT e.index, e.salt, e.entry FROM lianyun.transparency_entry e WHERE (e.source, e.position) = (%(source)s, %(position)s)

-- name: events
-- In the order in which they became visible; nothing at or above the horizon, before which others may still appear.
SELECT b.xid::text, e.no, e.content, t.name, e.part, e."offset", e.appended, e.headers, e.payload
FROM lianyun.batch b
CROSS JOIN LATERAL (
    SELECT y.no, y.content, y.topic, y.part, y."offset", y.appended, y.headers, y.payload
    FROM lianyun.body y WHERE y.no >= b.first_no AND y.no < b.first_no + 4096
) AS e
JOIN lianyun.topic t ON t.no = e.topic
WHERE b.xid < pg_snapshot_xmin(pg_current_snapshot())
  AND b.xid >= %(major)s::text::xid8 AND (b.xid > %(major)s::text::xid8 OR e.no > %(minor)s)
ORDER BY b.xid, b.first_no, e.no
LIMIT %(limit)s

-- name: grow
UPDATE lianyun.transparency_head SET size = %(size)s, root = %(root)s, checkpoint = %(checkpoint)s, at = %(at)s

-- name: head
SELECT h.key, h.beside, h.until, h.size, h.root, h.checkpoint, h.at, h.cosigned FROM lianyun.transparency_head h

-- name: lock_head
SELECT h.key, h.beside, h.until, h.size, h.root, h.checkpoint, h.at, h.cosigned,
       (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
FROM lianyun.transparency_head h FOR UPDATE NOWAIT

-- name: new_sources
-- Sources that came since: registers of the audit trail, streams of the access log.
INSERT INTO lianyun.transparency_cursor (source)
SELECT 'register ' || h.register FROM lianyun.audit_head h
UNION ALL SELECT s.log || ' ' || s.stream FROM lianyun.access_stream s
UNION ALL SELECT n FROM unnest(ARRAY['event', 'decision', 'case-step', 'document-decision', 'refused']) AS n
ON CONFLICT DO NOTHING

-- name: put_tiles
INSERT INTO lianyun.transparency_tile (level, number, hashes)
SELECT * FROM unnest(%(levels)s::smallint[], %(numbers)s::bigint[], %(hashes)s::bytea[])
ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes

-- name: refused
SELECT d.xid::text, d.digest, d.reason, d.first_append, d.first_topic, d.first_partition, d.first_offset
FROM lianyun.dead_letter d
WHERE d.xid < pg_snapshot_xmin(pg_current_snapshot()) AND d.xid > %(major)s::text::xid8
ORDER BY d.xid FETCH FIRST %(limit)s ROWS WITH TIES

-- name: register_entries
-- Entries of a register are made one after the other, each in a transaction that waits for the one before.
SELECT t.no, t.key, t.change FROM lianyun.audit_trail t WHERE t.register = %(register)s AND t.no > %(minor)s ORDER BY t.no LIMIT %(limit)s

-- name: registry_of
-- All that was said of parties and of keys that are theirs.
SELECT t.no, t.key, t.change FROM lianyun.receipt_register t
WHERE t.register = 'registry_event'
  AND (t.change::jsonb #>> '{body,code}' = ANY (%(parties)s) OR t.change::jsonb #>> '{body,party}' = ANY (%(parties)s)
       OR t.change::jsonb #>> '{body,key}' IN (
           SELECT k.key_id FROM lianyun.party_key k JOIN lianyun.party p ON p.no = k.party WHERE p.code = ANY (%(parties)s)
       ))
ORDER BY t.no

-- name: registry_statements
-- Those that have joined the log, each with what its entry was made of.
SELECT t.no, s.text, s.signatures, e.index, e.salt
FROM lianyun.registry_statement s
JOIN lianyun.audit_trail t ON t.register = 'registry_statement' AND t.key = s.number::text
JOIN lianyun.transparency_entry e ON e.source = 'register registry_statement' AND e.position = t.no::text
ORDER BY s.number

-- name: set_keys
UPDATE lianyun.transparency_head
SET key = %(key)s, beside = %(beside)s, until = %(until)s, checkpoint = %(checkpoint)s, cosigned = coalesce(%(cosigned)s, cosigned)

-- name: tile
SELECT t.hashes FROM lianyun.transparency_tile t WHERE (t.level, t.number) = (%(level)s, %(number)s)
