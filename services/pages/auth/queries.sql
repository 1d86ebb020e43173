-- The SQL of signing in, by name.

-- name: begin
INSERT INTO lianyun.console_sign_in (state, browser, nonce, verifier, return_to, expires)
VALUES (%(state)s, %(browser)s, %(nonce)s, %(verifier)s, %(return_to)s, %(expires)s)

-- name: end
DELETE FROM lianyun.console_session WHERE digest = %(digest)s RETURNING token

-- name: end_at_issuer
-- The sessions that a logout token names: of one session there, or of a person altogether.
DELETE FROM lianyun.console_session s USING lianyun.person p
WHERE p.id = s.person AND p.issuer = %(issuer)s
  AND (%(sid)s = '' OR s.sid = %(sid)s) AND (%(subject)s = '' OR p.subject = %(subject)s)
RETURNING 1

-- name: end_others
DELETE FROM lianyun.console_session WHERE person = %(person)s::uuid AND digest <> %(digest)s

-- name: find
SELECT s.person, s.begun, s.seen, p.id, p.issuer, q.code, p.subject, p.name, g.since, g.until, g.teams, g.permissions
FROM lianyun.console_session s JOIN lianyun.person p ON p.id = s.person JOIN lianyun.party q ON q.no = p.party
LEFT JOIN lianyun.person_grant g ON g.person = p.id
WHERE s.digest = %(digest)s
ORDER BY g.since

-- name: open
INSERT INTO lianyun.console_session (digest, person, begun, seen, sid, token)
VALUES (%(digest)s, %(person)s::uuid, %(now)s, %(now)s, %(sid)s, %(token)s)

-- name: purge
-- Whatever is over, by the longest lifetime that a session may have.
WITH s AS (DELETE FROM lianyun.console_session WHERE seen < %(seen)s)
DELETE FROM lianyun.console_sign_in WHERE expires < %(now)s

-- name: see
UPDATE lianyun.console_session SET seen = %(now)s WHERE digest = %(digest)s

-- name: sessions
SELECT digest, begun, seen FROM lianyun.console_session WHERE person = %(person)s::uuid ORDER BY begun DESC

-- name: take
DELETE FROM lianyun.console_sign_in WHERE state = %(state)s
RETURNING browser, nonce, verifier, return_to, expires
