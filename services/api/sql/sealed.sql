SELECT at, client, party, purpose, method, route, resource, subjects, status, request
FROM lianyun.access_log_sealed
WHERE at >= %(since)s AND at < %(until)s
ORDER BY at, id
