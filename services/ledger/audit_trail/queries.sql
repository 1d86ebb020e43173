-- The SQL of the audit trail, by name.

-- name: enter
-- The next entry of a register; its changes are entered one after the other until their transactions end.
WITH head AS (
    INSERT INTO lianyun.audit_head AS h (register, entries, digest)
    VALUES (%(register)s, 1, sha256(%(link)s::bytea))
    ON CONFLICT (register) DO UPDATE SET entries = h.entries + 1, digest = sha256(h.digest || %(link)s::bytea)
    RETURNING entries, digest
)
INSERT INTO lianyun.audit_trail (register, no, key, change, digest)
SELECT %(register)s, entries, %(key)s, %(change)s, digest FROM head

-- name: seal_deliveries
UPDATE lianyun.webhook_delivery AS d SET seal = r.seal
FROM (
    SELECT ctid, lianyun.webhook_delivery_seal(subscription, message, state, attempts, due, last_attempt, status, detail, same) AS seal
    FROM lianyun.webhook_delivery WHERE seal IS NOT NULL
) AS r
WHERE d.ctid = r.ctid AND d.seal <> r.seal

-- name: tally_older_decisions
-- What older releases recorded; none of their processes is at work any more.
INSERT INTO lianyun.financing_tally AS t (stream, decisions, numbers)
SELECT 0, count(*), coalesce(sum(number), 0)::bigint FROM lianyun.financing_decision WHERE stream IS NULL
ON CONFLICT (stream) DO UPDATE SET decisions = excluded.decisions, numbers = excluded.numbers

-- name: tally_webhooks
INSERT INTO lianyun.webhook_tally AS t
SELECT 'messages of day ' || at / 86400000000, count(*) FROM lianyun.webhook_message WHERE seal IS NOT NULL GROUP BY 1
UNION ALL
SELECT 'deliveries to ' || subscription, count(*) FROM lianyun.webhook_delivery WHERE seal IS NOT NULL GROUP BY 1
ON CONFLICT (name) DO UPDATE SET rows = excluded.rows
