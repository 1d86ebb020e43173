-- A subscription that is not enabled gets its deliveries too; they are due when it is enabled again. What was committed
-- long before it was made is not for it: no transaction that writes lasts ten minutes.
INSERT INTO lianyun.webhook_delivery (subscription, message, state, attempts, due, detail)
SELECT s.id, n.id, 'WAITING', 0, CASE WHEN s.state = 'ENABLED' THEN n.at ELSE %(forever)s END, ''
FROM unnest(%(ids)s::text[], %(parties)s::text[], %(types)s::text[], %(ats)s::bigint[]) AS n (id, party, type, at)
JOIN lianyun.webhook_subscription s ON s.party = n.party
WHERE s.state <> 'REMOVED'
  AND CASE WHEN %(only)s::text IS NULL THEN n.type = ANY (s.types) AND n.at >= s.created - 600000000 ELSE s.id = %(only)s::text END
ORDER BY s.id, n.id
ON CONFLICT (subscription, message) DO NOTHING
