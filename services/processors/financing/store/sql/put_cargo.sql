INSERT INTO lianyun.financing_cargo (consignment, financing, key)
SELECT c.id, %(financing)s, c.key FROM unnest(%(ids)s::uuid[], %(keys)s::text[]) AS c (id, key)
ON CONFLICT (consignment, financing) DO NOTHING
