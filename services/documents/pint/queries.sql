-- The SQL of the exchange of documents with other platforms, by name.

-- name: document
SELECT encode(uuid_send(v.document), 'hex') FROM lianyun.document_version v WHERE v.content = %(content)s

-- name: file
SELECT content FROM lianyun.pint_file WHERE checksum = %(checksum)s

-- name: files_held
SELECT f.checksum FROM lianyun.pint_file f WHERE f.checksum = ANY(%(checksums)s::bytea[])

-- name: keep_file
INSERT INTO lianyun.pint_file VALUES (%(checksum)s, %(content)s, %(at)s) ON CONFLICT DO NOTHING

-- name: lock_document
-- Held until the transaction ends: of those who change what is known of one document, one at a time.
SELECT pg_advisory_xact_lock(7125, hashtext(encode(%(document)s, 'hex')))

-- name: pending
SELECT t.entry, t.document, t.outward, t.platform, t.register, t.state, t.envelope, t.response
FROM lianyun.pint_transfer t WHERE t.outward = %(outward)s AND t.state = 'PENDING' ORDER BY t.at, t.entry

-- name: platforms
SELECT p.code, p.name, p.url, p.register, p.keys FROM lianyun.pint_platform p ORDER BY p.code

-- name: put_platform
INSERT INTO lianyun.pint_platform VALUES (%(code)s, %(name)s, %(url)s, %(register)s, %(keys)s, %(at)s, %(by)s)
ON CONFLICT (code) DO UPDATE
SET name = excluded.name, url = excluded.url, register = excluded.register, keys = excluded.keys, at = excluded.at, "by" = excluded."by"

-- name: record_step
INSERT INTO lianyun.pint_step VALUES (%(document)s, %(number)s, %(platform)s, %(signed)s, %(at)s)
ON CONFLICT DO NOTHING RETURNING number

-- name: settle
UPDATE lianyun.pint_transfer SET state = %(state)s, response = %(response)s, settled = %(at)s
WHERE entry = %(entry)s AND state = 'PENDING' RETURNING entry

-- name: start
-- A sender that starts again may name other files.
INSERT INTO lianyun.pint_transfer (entry, document, outward, platform, register, state, envelope, at)
VALUES (%(entry)s, %(document)s, %(outward)s, %(platform)s, %(register)s, 'PENDING', %(envelope)s, %(at)s)
ON CONFLICT (entry) DO UPDATE SET envelope = excluded.envelope WHERE pint_transfer.state = 'PENDING' AND NOT excluded.outward

-- name: state
SELECT h.state FROM lianyun.document_version v JOIN lianyun.document_head h ON h.document = v.document
WHERE v.content = %(content)s

-- name: steps
SELECT s.platform, s.signed FROM lianyun.pint_step s WHERE s.document = %(document)s ORDER BY s.number

-- name: transfer
SELECT t.entry, t.document, t.outward, t.platform, t.register, t.state, t.envelope, t.response
FROM lianyun.pint_transfer t WHERE t.entry = %(entry)s

-- name: transfers
SELECT t.entry, t.document, t.outward, t.platform, t.register, t.state, t.envelope, t.response
FROM lianyun.pint_transfer t WHERE t.document = %(document)s ORDER BY t.at, t.entry

-- name: waiting
SELECT t.outward, count(*), min(t.at) FROM lianyun.pint_transfer t WHERE t.state = 'PENDING' GROUP BY t.outward
