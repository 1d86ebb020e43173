INSERT INTO lianyun.term (number, text)
SELECT n.number, n.text FROM unnest(%(numbers)s::bigint[], %(texts)s::text[]) AS n (number, text)
ON CONFLICT (number) DO NOTHING
