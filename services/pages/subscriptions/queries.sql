-- The SQL of subscriptions, by name.

-- name: address_lock
-- Subscriptions to one address are made one after the other, so that their number is bounded.
SELECT pg_advisory_xact_lock(hashtextextended(lower(%(address)s), 8000))

-- name: asked_recently
-- How often somebody asked an address to confirm since then, and how many subscriptions of this channel the link or the person has.
SELECT (SELECT count(*) FROM lianyun.subscription s
        WHERE lower(s.address) = lower(%(address)s) AND s.made >= %(since)s AND s.state IN ('UNCONFIRMED', 'ENDED')),
       (SELECT count(*) FROM lianyun.subscription s
        WHERE s.party = %(party)s AND s.made_by = %(made_by)s AND s.channel = %(channel)s
          AND (s.state <> 'ENDED' OR s.made >= %(since)s)),
       (SELECT count(*) FROM lianyun.subscription s
        WHERE lower(s.address) = lower(%(address)s) AND s.consignment = %(consignment)s::uuid AND s.state <> 'ENDED')

-- name: by_id
SELECT s.id::text, uuid_send(s.consignment), s.reference, s.party, s.share::text, s.made_by, s.channel, s.address, s.language,
       s.milestones, s.delay_hours, s.exceptions, s.disputes, s.overdue, s.state, s.reason, s.made, s.ended, s.told, s.last_no
FROM lianyun.subscription s WHERE s.id = %(id)s::uuid

-- name: by_token
SELECT s.id::text, uuid_send(s.consignment), s.reference, s.party, s.share::text, s.made_by, s.channel, s.address, s.language,
       s.milestones, s.delay_hours, s.exceptions, s.disputes, s.overdue, s.state, s.reason, s.made, s.ended, s.told, s.last_no
FROM lianyun.subscription_token t JOIN lianyun.subscription s ON s.id = t.subscription
WHERE t.digest = %(digest)s AND (t.feed OR NOT %(feed)s)

-- name: change_state
UPDATE lianyun.subscription s
SET state = %(state)s, reason = %(reason)s, ended = %(ended)s, look = %(look)s,
    address = CASE WHEN %(erase)s THEN NULL ELSE s.address END, salt = CASE WHEN %(erase)s THEN NULL ELSE s.salt END
WHERE s.id = %(id)s::uuid AND s.state = ANY (%(from)s::text[])
RETURNING 1

-- name: clear_touches
DELETE FROM lianyun.subscription_touch WHERE subscription = ANY (%(ids)s::uuid[])

-- name: clock
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint

-- name: count_failure
UPDATE lianyun.subscription SET failures = failures + 1 WHERE id = %(id)s::uuid RETURNING failures

-- name: due
-- What was touched, then what is looked at by the clock; what another process looks at is passed over.
SELECT s.id::text, uuid_send(s.consignment), s.reference, s.party, s.share::text, s.made_by, s.channel, s.address, s.language,
       s.milestones, s.delay_hours, s.exceptions, s.disputes, s.overdue, s.state, s.reason, s.made, s.ended, s.told, s.last_no
FROM lianyun.subscription s
WHERE s.state = 'ACTIVE' AND s.id IN (
    SELECT t.subscription FROM lianyun.subscription_touch t
    UNION
    (SELECT l.id FROM lianyun.subscription l WHERE l.state = 'ACTIVE' AND l.look <= %(now)s ORDER BY l.look LIMIT %(limit)s)
)
ORDER BY s.consignment, s.id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- name: erase_addresses
-- Of those that were never confirmed, once nobody is to be protected by them any more.
UPDATE lianyun.subscription s SET address = NULL, salt = NULL
WHERE s.address IS NOT NULL AND s.state = 'ENDED' AND s.made < %(before)s
RETURNING s.id::text

-- name: expired
-- Never confirmed, or suspended for long.
SELECT s.id::text, s.state FROM lianyun.subscription s
WHERE (s.state = 'UNCONFIRMED' AND s.made < %(unconfirmed)s) OR (s.state = 'SUSPENDED' AND s.look < %(suspended)s)
LIMIT 500

-- name: lease
WITH due AS (
    SELECT n.subscription, n.no
    FROM lianyun.subscription_notice n JOIN lianyun.subscription s ON s.id = n.subscription
    WHERE n.state = 'WAITING' AND n.due <= %(now)s AND s.state IN ('ACTIVE', 'UNCONFIRMED')
    ORDER BY n.due, n.subscription, n.no
    LIMIT %(limit)s
    FOR UPDATE OF n SKIP LOCKED
)
UPDATE lianyun.subscription_notice n SET attempts = n.attempts + 1, due = %(lease)s
FROM due WHERE n.subscription = due.subscription AND n.no = due.no
RETURNING n.subscription::text, n.no, n.at, n.fields, n.changes, n.attempts

-- name: make
INSERT INTO lianyun.subscription (id, consignment, reference, party, share, made_by, channel, address, salt, language, milestones,
                                  delay_hours, exceptions, disputes, overdue, state, reason, made, told, look)
VALUES (%(id)s::uuid, %(consignment)s::uuid, %(reference)s, %(party)s, %(share)s::uuid, %(made_by)s, %(channel)s, %(address)s, %(salt)s,
        %(language)s, %(milestones)s, %(delay_hours)s, %(exceptions)s, %(disputes)s, %(overdue)s, %(state)s, '', %(made)s, %(told)s::jsonb, %(made)s)

-- name: make_token
INSERT INTO lianyun.subscription_token (digest, subscription, feed) VALUES (%(digest)s, %(subscription)s::uuid, %(feed)s)

-- name: move
UPDATE lianyun.subscription SET told = %(told)s::jsonb, last_no = %(last_no)s, look = %(look)s WHERE id = %(id)s::uuid

-- name: newest
SELECT s.id::text, s.last_no, s.state FROM lianyun.subscription s WHERE s.id = ANY (%(ids)s::uuid[])

-- name: notice_came_back
-- Once: also before the attempt that sent it is settled, which settles nothing then.
UPDATE lianyun.subscription_notice SET state = 'FAILED', detail = %(detail)s
WHERE subscription = %(subscription)s::uuid AND no = %(no)s AND state IN ('WAITING', 'SENT') AND attempts > 0
RETURNING 1

-- name: notices
-- Those after one number and before another, the oldest or the newest first.
SELECT n.no, n.at, n.fields, n.changes
FROM lianyun.subscription_notice n
WHERE n.subscription = %(id)s::uuid AND n.no > %(after)s AND n.no < %(before)s
ORDER BY CASE WHEN %(newest)s THEN -n.no ELSE n.no END
LIMIT %(limit)s

-- name: of_party
SELECT s.id::text, uuid_send(s.consignment), s.reference, s.party, s.share::text, s.made_by, s.channel, s.address, s.language,
       s.milestones, s.delay_hours, s.exceptions, s.disputes, s.overdue, s.state, s.reason, s.made, s.ended, s.told, s.last_no, l.label,
       ARRAY(SELECT n.at FROM lianyun.subscription_notice n
             WHERE n.subscription = s.id AND n.state IN ('SENT', 'KEPT', 'QUEUED') ORDER BY n.no DESC LIMIT 20),
       (SELECT count(*) FROM lianyun.subscription_notice n WHERE n.subscription = s.id AND n.state = 'WAITING'),
       s.failures
FROM lianyun.subscription s LEFT JOIN lianyun.share_link l ON l.id = s.share
WHERE s.party = %(party)s AND (%(reference)s::text IS NULL OR s.reference = %(reference)s)
  AND (s.share IS NOT NULL OR s.made_by = %(made_by)s)
ORDER BY s.made DESC, s.id
LIMIT %(limit)s

-- name: overview
SELECT count(*) FILTER (WHERE n.state = 'WAITING' AND s.state IN ('ACTIVE', 'UNCONFIRMED')),
       min(n.due) FILTER (WHERE n.state = 'WAITING' AND s.state IN ('ACTIVE', 'UNCONFIRMED'))
FROM lianyun.subscription_notice n JOIN lianyun.subscription s ON s.id = n.subscription
WHERE n.state = 'WAITING'

-- name: overview_looks
SELECT (SELECT min(s.look) FROM lianyun.subscription s WHERE s.state = 'ACTIVE'),
       (SELECT count(*) FROM lianyun.subscription s WHERE s.state = 'SUSPENDED')

-- name: purge_notices
DELETE FROM lianyun.subscription_notice n USING lianyun.subscription s
WHERE s.id = n.subscription AND n.at < %(before)s AND (n.state <> 'WAITING' OR s.state = 'ENDED')

-- name: purge_tokens
-- Of what ended long ago; until then the page behind them says that it has ended.
DELETE FROM lianyun.subscription_token t USING lianyun.subscription s
WHERE s.id = t.subscription AND s.state = 'ENDED' AND s.ended < %(before)s

-- name: put_notice
INSERT INTO lianyun.subscription_notice (subscription, no, at, fields, changes, state, due)
VALUES (%(subscription)s::uuid, %(no)s, %(at)s, %(fields)s::text[], %(changes)s::jsonb, %(state)s, %(at)s)

-- name: resume
UPDATE lianyun.subscription SET failures = 0 WHERE id = %(id)s::uuid

-- name: salt
SELECT salt FROM lianyun.subscription WHERE id = %(id)s::uuid

-- name: settle
-- Only the attempt that holds it settles it: one that outlived its lease changes nothing.
UPDATE lianyun.subscription_notice SET state = %(state)s, due = %(due)s, detail = %(detail)s
WHERE subscription = %(subscription)s::uuid AND no = %(no)s AND attempts = %(attempt)s AND state = 'WAITING'
