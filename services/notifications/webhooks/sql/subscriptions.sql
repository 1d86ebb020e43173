SELECT id, party, url, types, description, state, reason, created, version, failing_since, last_success
FROM lianyun.webhook_subscription
WHERE party = %(party)s AND (%(id)s::text IS NULL OR id = %(id)s::text) AND state <> 'REMOVED'
ORDER BY id
