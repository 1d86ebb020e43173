-- What others read of a party, the latest first. Sealed lines stand in another table and leave no trace here.
SELECT at, id, party, purpose, route, resource, status
FROM lianyun.access_log
WHERE subjects @> ARRAY[%(subject)s::text]
  AND (%(at)s::bigint IS NULL OR (at, id) < (%(at)s::bigint, %(id)s::uuid))
  AND at >= %(since)s
ORDER BY at DESC, id DESC
LIMIT %(limit)s
