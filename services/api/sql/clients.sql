SELECT c.id, p.code, c.scopes, c.purposes, c.certificate, c.registered, c.by, c.revoked,
       coalesce(array_agg(k.kid ORDER BY k.added) FILTER (WHERE k.kid IS NOT NULL), '{}')
FROM lianyun.api_client c
JOIN lianyun.party p ON p.no = c.party
LEFT JOIN lianyun.api_client_key k ON k.client = c.id
GROUP BY c.id, p.code
ORDER BY c.id
