SELECT d.digest, CASE WHEN d.state = 'OPEN' AND i.id IS NOT NULL THEN 'REPLACED' ELSE d.state END,
       d.publisher, uuid_send(d.event), d.reason, d.detail, d.pointer, d.remedy, d.count,
       d.headers, d.value, d.value_bytes, d.truncated,
       d.first_append, d.first_topic, d.first_partition, d.first_offset,
       d.last_append, d.last_topic, d.last_partition, d.last_offset
FROM lianyun.dead_letter d
LEFT JOIN lianyun.identity i ON i.id = d.event
WHERE d.digest BETWEEN %(low)s AND %(high)s
ORDER BY d.digest
LIMIT 2
