INSERT INTO lianyun.webhook_subscription (id, party, url, types, description, state, reason, created, version)
VALUES (%(id)s, %(party)s, %(url)s, %(types)s::text[], %(description)s, 'ENABLED', '', %(now)s, 1)
RETURNING id, party, url, types, description, state, reason, created, version, failing_since, last_success
