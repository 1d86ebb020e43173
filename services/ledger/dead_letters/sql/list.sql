-- The latest seen first. An open letter whose event was accepted in another form counts as replaced.
SELECT d.digest, CASE WHEN d.state = 'OPEN' AND i.id IS NOT NULL THEN 'REPLACED' ELSE d.state END,
       d.publisher, uuid_send(d.event), d.reason, d.detail, d.pointer, d.remedy, d.count,
       d.headers, d.value, d.value_bytes, d.truncated,
       d.first_append, d.first_topic, d.first_partition, d.first_offset,
       d.last_append, d.last_topic, d.last_partition, d.last_offset
FROM lianyun.dead_letter d
LEFT JOIN lianyun.identity i ON i.id = d.event
WHERE (%(state)s::text IS NULL
       OR %(state)s::text = CASE WHEN d.state = 'OPEN' AND i.id IS NOT NULL THEN 'REPLACED' ELSE d.state END)
  AND (%(publisher)s::text IS NULL OR d.publisher = %(publisher)s::text)
  AND (%(reason)s::text IS NULL OR d.reason = %(reason)s::text)
  AND (%(before_append)s::bigint IS NULL
       OR (d.last_append, d.digest) < (%(before_append)s::bigint, %(before_digest)s::bytea))
ORDER BY d.last_append DESC, d.digest DESC
LIMIT %(limit)s
