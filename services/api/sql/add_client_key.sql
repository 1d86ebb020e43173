-- Whether it is new; a key that was ended counts again.
INSERT INTO lianyun.api_client_key (client, kid, jwk, added, by)
VALUES (%(client)s, %(kid)s, %(jwk)s::jsonb, %(at)s, %(by)s)
ON CONFLICT (client, kid) DO UPDATE SET not_after = NULL
RETURNING xmax = 0
