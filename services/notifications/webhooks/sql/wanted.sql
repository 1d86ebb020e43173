SELECT DISTINCT s.party, t.type
FROM lianyun.webhook_subscription s CROSS JOIN unnest(s.types) AS t (type)
WHERE s.state <> 'REMOVED'
