UPDATE lianyun.webhook_subscription
SET url = coalesce(%(url)s::text, url),
    types = coalesce(%(types)s::text[], types),
    description = coalesce(%(description)s::text, description),
    state = coalesce(%(state)s::text, state),
    reason = coalesce(%(reason)s::text, reason),
    failing_since = CASE WHEN %(state)s::text = 'ENABLED' THEN NULL ELSE failing_since END,
    version = version + 1
WHERE id = %(id)s AND version = %(version)s AND state <> 'REMOVED'
RETURNING id, party, url, types, description, state, reason, created, version, failing_since, last_success
