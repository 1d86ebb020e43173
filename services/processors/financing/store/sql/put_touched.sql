INSERT INTO lianyun.financing_touched (financing, number)
SELECT DISTINCT f.id, %(number)s FROM unnest(%(financings)s::uuid[]) AS f (id)
