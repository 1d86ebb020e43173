-- A client of another party that the key is registered for.
SELECT k.client
FROM lianyun.api_client_key k
JOIN lianyun.api_client c ON c.id = k.client
JOIN lianyun.api_client own ON own.id = %(client)s
WHERE k.kid = %(kid)s AND c.party <> own.party
LIMIT 1
