-- The SQL of people, by name.

-- name: add
INSERT INTO lianyun.person (id, issuer, subject, name, salt, party, registered, by)
VALUES (%(id)s::uuid, %(issuer)s, %(subject)s, %(name)s, %(salt)s, %(party)s, %(at)s, %(by)s)
ON CONFLICT DO NOTHING
RETURNING true

-- name: by_id
SELECT p.id, p.issuer, q.code, p.subject, p.name, g.since, g.until, g.teams, g.permissions
FROM lianyun.person p JOIN lianyun.party q ON q.no = p.party LEFT JOIN lianyun.person_grant g ON g.person = p.id
WHERE p.id = ANY (%(ids)s::uuid[])
ORDER BY p.id, g.since

-- name: by_subject
SELECT p.id, p.issuer, q.code, p.subject, p.name, g.since, g.until, g.teams, g.permissions
FROM lianyun.person p JOIN lianyun.party q ON q.no = p.party LEFT JOIN lianyun.person_grant g ON g.person = p.id
WHERE p.issuer = %(issuer)s AND p.subject = %(subject)s
ORDER BY p.id, g.since

-- name: clock
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint

-- name: end_grant
UPDATE lianyun.person_grant SET until = %(at)s
WHERE person = %(id)s::uuid AND since <= %(at)s AND (until IS NULL OR until > %(at)s)
RETURNING since

-- name: erase
UPDATE lianyun.person SET subject = NULL, name = NULL, salt = NULL WHERE id = %(id)s::uuid AND subject IS NOT NULL RETURNING true

-- name: erase_addresses
UPDATE lianyun.subscription SET address = NULL, salt = NULL, state = 'ENDED', reason = 'person', ended = coalesce(ended, %(at)s)
WHERE made_by = %(client)s AND (address IS NOT NULL OR state <> 'ENDED')
RETURNING id::text, ended

-- name: grant
INSERT INTO lianyun.person_grant (person, since, until, teams, permissions, by)
VALUES (%(id)s::uuid, %(since)s, NULL, %(teams)s::text[], %(permissions)s::text[], %(by)s)

-- name: has_view
SELECT FROM lianyun.saved_view WHERE person = %(person)s::uuid AND name = %(to)s

-- name: people
SELECT p.id, p.issuer, q.code, p.subject, p.name, g.since, g.until, g.teams, g.permissions
FROM lianyun.person p JOIN lianyun.party q ON q.no = p.party LEFT JOIN lianyun.person_grant g ON g.person = p.id
WHERE (%(issuer)s::text IS NULL OR p.issuer = %(issuer)s) AND (%(party)s::text IS NULL OR q.code = %(party)s)
ORDER BY q.code, p.name, p.id, g.since

-- name: remove_view
DELETE FROM lianyun.saved_view WHERE person = %(person)s::uuid AND name = %(name)s

-- name: remove_views
DELETE FROM lianyun.saved_view WHERE person = %(id)s::uuid

-- name: rename_view
UPDATE lianyun.saved_view SET name = %(to)s WHERE person = %(person)s::uuid AND name = %(name)s

-- name: save_again
UPDATE lianyun.saved_view SET address = %(address)s, saved = %(now)s WHERE person = %(person)s::uuid AND name = %(name)s

-- name: save_view
-- In the first free slot; nothing where there is none, or another request takes it at this moment.
INSERT INTO lianyun.saved_view (person, slot, name, address, saved)
SELECT %(person)s::uuid, slot, %(name)s, %(address)s, %(now)s
FROM generate_series(1, %(most)s) AS free (slot)
WHERE NOT EXISTS (SELECT FROM lianyun.saved_view v WHERE v.person = %(person)s::uuid AND v.slot = free.slot)
ORDER BY slot LIMIT 1
ON CONFLICT DO NOTHING

-- name: saved_views
SELECT name, address FROM lianyun.saved_view WHERE person = %(person)s::uuid ORDER BY name, slot

-- name: teams_of
SELECT DISTINCT t.team
FROM lianyun.person p JOIN lianyun.party q ON q.no = p.party
JOIN lianyun.person_grant g ON g.person = p.id AND g.since <= %(at)s AND (g.until IS NULL OR g.until > %(at)s)
CROSS JOIN LATERAL unnest(g.teams) AS t (team)
WHERE q.code = %(party)s
ORDER BY t.team

-- name: turn
-- Who ends or changes a person waits for the steps that it is taking, and these for the end: an advisory lock, as whoever takes steps may
-- not write here.
SELECT pg_advisory_xact_lock(7003, hashtext(%(id)s))

-- name: turn_shared
SELECT pg_advisory_xact_lock_shared(7003, hashtext(%(id)s))
