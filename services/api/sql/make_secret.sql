INSERT INTO lianyun.api_secret (name, value) VALUES (%(name)s, %(value)s) ON CONFLICT DO NOTHING RETURNING true
