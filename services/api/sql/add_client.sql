INSERT INTO lianyun.api_client (id, party, scopes, purposes, certificate, registered, by)
VALUES (%(id)s, %(party)s, %(scopes)s::text[], %(purposes)s::text[], %(certificate)s, %(at)s, %(by)s)
ON CONFLICT DO NOTHING
RETURNING true
