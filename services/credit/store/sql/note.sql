INSERT INTO lianyun.credit_about (key, event)
SELECT n.key, n.event FROM unnest(%(keys)s::text[], %(events)s::uuid[]) AS n (key, event)
ON CONFLICT DO NOTHING
