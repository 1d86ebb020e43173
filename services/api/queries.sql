-- The SQL of the API, by name.

-- name: add_client
INSERT INTO lianyun.api_client (id, party, scopes, purposes, certificate, registered, by)
VALUES (%(id)s, %(party)s, %(scopes)s::text[], %(purposes)s::text[], %(certificate)s, %(at)s, %(by)s)
ON CONFLICT DO NOTHING
RETURNING true

-- name: add_client_key
-- Whether it is new; a key that was ended counts again.
INSERT INTO lianyun.api_client_key (client, kid, jwk, added, by)
VALUES (%(client)s, %(kid)s, %(jwk)s::jsonb, %(at)s, %(by)s)
ON CONFLICT (client, kid) DO UPDATE SET not_after = NULL
RETURNING xmax = 0

-- name: admit
-- One round trip at the start of every request: use up the proof, and look at the client, the registry and the clock.
WITH used AS (
    INSERT INTO lianyun.api_proof (digest, expires)
    SELECT %(digest)s::bytea, %(expires)s::bigint * 1000000 WHERE %(digest)s::bytea IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT
    %(digest)s::bytea IS NULL OR EXISTS (SELECT FROM used),
    c.party,
    c.scopes,
    c.purposes,
    (SELECT version FROM lianyun.registry_version),
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
FROM lianyun.api_client c
WHERE c.id = %(client)s AND c.revoked IS NULL

-- name: answer_under
-- Whoever asks again while the key is at work is told so instead of waiting.
SELECT free, request, status, headers, body FROM lianyun.api_answer_under(%(lock)s::bigint, %(party)s, %(key)s)

-- name: client_ends
-- When the last key of each client of a party runs out; null where one has no end, or it has a certificate.
SELECT c.id, c.scopes, c.registered,
       CASE WHEN bool_and(k.not_after IS NOT NULL) THEN max(k.not_after) END, c.revoked
FROM lianyun.api_client c
LEFT JOIN lianyun.api_client_key k ON k.client = c.id
WHERE c.party = %(party)s
GROUP BY c.id
ORDER BY c.id

-- name: client_key_elsewhere
-- A client of another party that the key is registered for.
SELECT k.client
FROM lianyun.api_client_key k
JOIN lianyun.api_client c ON c.id = k.client
JOIN lianyun.api_client own ON own.id = %(client)s
WHERE k.kid = %(kid)s AND c.party <> own.party
LIMIT 1

-- name: client_keys
-- The keys of a client that may act now, and the certificate that it may log in with instead.
SELECT c.scopes, c.purposes, c.certificate, k.kid, k.jwk
FROM lianyun.api_client c
LEFT JOIN lianyun.api_client_key k
    ON k.client = c.id AND (k.not_after IS NULL OR k.not_after > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
WHERE c.id = %(client)s AND c.revoked IS NULL

-- name: clients
SELECT c.id, p.code, c.scopes, c.purposes, c.certificate, c.registered, c.by, c.revoked,
       coalesce(array_agg(k.kid ORDER BY k.added) FILTER (WHERE k.kid IS NOT NULL), '{}')
FROM lianyun.api_client c
JOIN lianyun.party p ON p.no = c.party
LEFT JOIN lianyun.api_client_key k ON k.client = c.id
GROUP BY c.id, p.code
ORDER BY c.id

-- name: end_client_keys
UPDATE lianyun.api_client_key SET not_after = %(at)s
WHERE client = %(client)s AND kid <> %(kid)s AND (not_after IS NULL OR not_after > %(at)s)
RETURNING kid

-- name: log
-- A line goes into the stream of this session, which no other session writes while this one does.
WITH last AS (
    INSERT INTO lianyun.access_stream AS s (log, stream, lines, seal)
    VALUES ('access_log', pg_backend_pid(), 1, sha256(%(digest)s::bytea))
    ON CONFLICT (log, stream) DO UPDATE SET lines = s.lines + 1, seal = sha256(s.seal || %(digest)s::bytea)
    RETURNING stream, lines, seal
)
INSERT INTO lianyun.access_log
    (id, at, client, party, bound, purpose, method, route, resource, subjects, status, request, answer, stream, place, seal)
SELECT %(id)s::uuid, %(at)s::bigint, %(client)s::text, %(party)s::text, %(bound)s::text, %(purpose)s::text, %(method)s::text,
       %(route)s::text, %(resource)s::text, %(subjects)s::text[], %(status)s::smallint, %(request)s::text, %(answer)s::bytea,
       stream, lines, seal
FROM last

-- name: log_page
-- What others read of a party, the latest first. Sealed lines stand in another table and leave no trace here.
SELECT at, id, party, purpose, route, resource, status
FROM lianyun.access_log
WHERE subjects @> ARRAY[%(subject)s::text]
  AND (%(at)s::bigint IS NULL OR (at, id) < (%(at)s::bigint, %(id)s::uuid))
  AND at >= %(since)s
ORDER BY at DESC, id DESC
LIMIT %(limit)s

-- name: log_readers
-- Who read of a party in a time, and how often: as ``log_reads``.
SELECT a.party, a.client LIKE 'share:%%', count(*), max(a.at), count(DISTINCT a.resource)
FROM lianyun.access_log a
WHERE (a.subjects @> ARRAY[%(subject)s::text] OR (a.client LIKE 'share:%%' AND a.client = ANY (%(links)s::text[])))
  AND a.at >= %(since)s AND a.at < %(until)s
  AND (%(reader)s::text IS NULL OR a.party = %(reader)s)
  AND (%(resource)s::text IS NULL OR a.resource = %(resource)s)
  AND (%(by_link)s::boolean IS NULL OR (a.client LIKE 'share:%%') = %(by_link)s)
  AND (NOT %(legal)s OR a.purpose <> '')
GROUP BY 1, 2
ORDER BY 4 DESC, 1, 2
LIMIT %(limit)s

-- name: log_reads
-- What was read of a party, by whom, the latest first; what was read through its own links too. Sealed lines stand in another table and
-- leave no trace here.
SELECT a.at, a.id::text, a.client, a.party, a.purpose, a.route, a.resource, a.status
FROM lianyun.access_log a
WHERE (a.subjects @> ARRAY[%(subject)s::text] OR (a.client LIKE 'share:%%' AND a.client = ANY (%(links)s::text[])))
  AND a.at >= %(since)s AND a.at < %(until)s
  AND (%(at)s::bigint IS NULL OR (a.at, a.id) < (%(at)s::bigint, %(id)s::uuid))
  AND (%(reader)s::text IS NULL OR a.party = %(reader)s)
  AND (%(resource)s::text IS NULL OR a.resource = %(resource)s)
  AND (%(by_link)s::boolean IS NULL OR (a.client LIKE 'share:%%') = %(by_link)s)
  AND (NOT %(legal)s OR a.purpose <> '')
ORDER BY a.at DESC, a.id DESC
LIMIT %(limit)s

-- name: log_sealed
-- A line goes into the stream of this session, which no other session writes while this one does.
WITH last AS (
    INSERT INTO lianyun.access_stream AS s (log, stream, lines, seal)
    VALUES ('access_log_sealed', pg_backend_pid(), 1, sha256(%(digest)s::bytea))
    ON CONFLICT (log, stream) DO UPDATE SET lines = s.lines + 1, seal = sha256(s.seal || %(digest)s::bytea)
    RETURNING stream, lines, seal
)
INSERT INTO lianyun.access_log_sealed
    (id, at, client, party, bound, purpose, method, route, resource, subjects, status, request, answer, stream, place, seal)
SELECT %(id)s::uuid, %(at)s::bigint, %(client)s::text, %(party)s::text, %(bound)s::text, %(purpose)s::text, %(method)s::text,
       %(route)s::text, %(resource)s::text, %(subjects)s::text[], %(status)s::smallint, %(request)s::text, %(answer)s::bytea,
       stream, lines, seal
FROM last

-- name: log_uses
-- What each reader read of a party in a time of its own, the latest first, and how often in all.
SELECT n.ordinal, u.at, u.id, u.client, u.party, u.purpose, u.route, u.resource, u.status, u.every
FROM unnest(%(readers)s::text[], %(sinces)s::bigint[], %(untils)s::bigint[]) WITH ORDINALITY AS n (reader, since, until, ordinal)
CROSS JOIN LATERAL (
    SELECT a.at, a.id::text, a.client, a.party, a.purpose, a.route, a.resource, a.status, count(*) OVER () AS every
    FROM lianyun.access_log a
    WHERE a.subjects @> ARRAY[%(subject)s::text] AND a.party = n.reader AND a.at >= n.since AND a.at < n.until
    ORDER BY a.at DESC, a.id DESC
    LIMIT %(limit)s
) AS u
ORDER BY n.ordinal, u.at DESC, u.id DESC

-- name: look
SELECT 1 FROM lianyun.api_client LIMIT 1

-- name: make_secret
INSERT INTO lianyun.api_secret (name, value) VALUES (%(name)s, %(value)s) ON CONFLICT DO NOTHING RETURNING true

-- name: opening
SELECT o.asked_by, o.reason, o.since, o.until, a.approved_by, a.expires
FROM lianyun.access_log_opening o
LEFT JOIN lianyun.access_log_approval a ON a.opening = o.id
WHERE o.id = %(opening)s::uuid

-- name: opening_approve
INSERT INTO lianyun.access_log_approval (opening, approved, approved_by, expires)
VALUES (%(opening)s::uuid, %(at)s, %(by)s, %(expires)s)
ON CONFLICT DO NOTHING
RETURNING true

-- name: opening_ask
INSERT INTO lianyun.access_log_opening (asked, asked_by, reason, since, until)
VALUES (%(at)s, %(by)s, %(reason)s, %(since)s, %(until)s)
RETURNING id::text

-- name: opening_shown
INSERT INTO lianyun.access_log_shown (opening, at, shown_to, lines) VALUES (%(opening)s::uuid, %(at)s, %(by)s, %(lines)s)
RETURNING id::text

-- name: pledged
-- The consignments on which one lender holds a pledge, as their groups are called.
SELECT DISTINCT coalesce(k.canonical, c.consignment)
FROM lianyun.financing_hold h
JOIN lianyun.financing_cargo c ON c.financing = h.financing
LEFT JOIN lianyun.canonical k ON k.cons = c.consignment
WHERE h.name > %(first)s AND h.name < %(end)s AND h.pledged AND NOT h.ended

-- name: purge_answers
-- The oldest first, by one process at a time, so that none is left of before the latest that was forgotten.
WITH turn AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtextextended('lianyun.api_answer', 7000)) AS mine
), gone AS (
    DELETE FROM lianyun.api_answer
    WHERE (party, key) IN (
        SELECT party, key FROM lianyun.api_answer
        WHERE given < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - %(kept)s::bigint * 1000000
          AND (SELECT mine FROM turn)
        ORDER BY given LIMIT 5000 FOR UPDATE
    )
    RETURNING given
)
UPDATE lianyun.api_answer_purge AS p SET given = greatest(p.given, g.given)
FROM (SELECT max(given) AS given FROM gone) AS g
WHERE g.given IS NOT NULL

-- name: purge_proofs
DELETE FROM lianyun.api_proof
WHERE digest = ANY (
    SELECT digest FROM lianyun.api_proof
    WHERE expires < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    ORDER BY expires LIMIT 20000 FOR UPDATE SKIP LOCKED
)

-- name: put_answer
INSERT INTO lianyun.api_answer (party, key, request, status, headers, body, given, seal)
VALUES (%(party)s, %(key)s, %(request)s, %(status)s, %(headers)s::jsonb, %(body)s, %(given)s, %(seal)s)

-- name: revoke_client
UPDATE lianyun.api_client SET revoked = %(at)s WHERE id = %(id)s AND revoked IS NULL RETURNING true

-- name: sealed
SELECT at, client, party, purpose, method, route, resource, subjects, status, request
FROM lianyun.access_log_sealed
WHERE at >= %(since)s AND at < %(until)s
ORDER BY at, id

-- name: secret
SELECT value FROM lianyun.api_secret WHERE name = %(name)s

-- name: share_link_by_id
SELECT s.id::text, uuid_send(s.consignment), s.reference, s.party, s.made_by, s.fields, s.label, s.made, s.expires, s.ended, (
    SELECT count(*) FROM lianyun.access_log a WHERE a.client = 'share:' || s.id AND a.client LIKE 'share:%%'
)
FROM lianyun.share_link s WHERE s.id = %(id)s::uuid AND (%(party)s = '' OR s.party = %(party)s)

-- name: share_link_end
UPDATE lianyun.share_link SET ended = %(at)s
WHERE id = %(id)s::uuid AND (%(party)s = '' OR party = %(party)s) AND ended IS NULL AND expires > %(at)s
RETURNING id::text

-- name: share_link_make
INSERT INTO lianyun.share_link (id, digest, consignment, reference, party, made_by, fields, label, made, expires)
VALUES (%(id)s::uuid, %(digest)s, %(consignment)s::uuid, %(reference)s, %(party)s, %(made_by)s, %(fields)s::text[], %(label)s, %(made)s,
        %(expires)s)

-- name: share_link_of
SELECT id::text, uuid_send(consignment), reference, party, made_by, fields, label, made, expires, ended
FROM lianyun.share_link WHERE digest = %(digest)s

-- name: share_link_openings
SELECT at FROM lianyun.access_log
WHERE client = %(client)s AND client LIKE 'share:%%' AND (%(before)s::bigint IS NULL OR at < %(before)s)
ORDER BY at DESC LIMIT %(limit)s

-- name: share_links
SELECT s.id::text, uuid_send(s.consignment), s.reference, s.party, s.made_by, s.fields, s.label, s.made, s.expires, s.ended, o.opened,
       ARRAY(SELECT a.at FROM lianyun.access_log a WHERE a.client = 'share:' || s.id AND a.client LIKE 'share:%%' ORDER BY a.at DESC LIMIT 50)
FROM lianyun.share_link s
CROSS JOIN LATERAL (
    SELECT count(*) AS opened FROM lianyun.access_log a
    WHERE a.client = 'share:' || s.id AND a.client LIKE 'share:%%'
) o
WHERE (%(party)s = '' OR s.party = %(party)s) AND (%(reference)s::text IS NULL OR s.reference = %(reference)s)
  AND (%(made)s::bigint IS NULL OR (s.made, s.id) < (%(made)s::bigint, %(id)s::uuid))
ORDER BY s.made DESC, s.id DESC
LIMIT %(limit)s

-- name: use_once
INSERT INTO lianyun.api_proof (digest, expires) VALUES (%(digest)s, %(expires)s::bigint * 1000000)
ON CONFLICT DO NOTHING
RETURNING true
