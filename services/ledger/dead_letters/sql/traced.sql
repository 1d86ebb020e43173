-- Letters of one trace. Every letter is looked at: their number is bounded by retention, and nobody asks this often.
SELECT d.digest, CASE WHEN d.state = 'OPEN' AND i.id IS NOT NULL THEN 'REPLACED' ELSE d.state END,
       d.publisher, uuid_send(d.event), d.reason, d.detail, d.pointer, d.remedy, d.count,
       d.headers, d.value, d.value_bytes, d.truncated,
       d.first_append, d.first_topic, d.first_partition, d.first_offset,
       d.last_append, d.last_topic, d.last_partition, d.last_offset
FROM lianyun.dead_letter d
LEFT JOIN lianyun.identity i ON i.id = d.event
WHERE position(%(trace)s::bytea IN d.headers) > 0
ORDER BY d.last_append DESC, d.digest DESC
LIMIT %(limit)s
