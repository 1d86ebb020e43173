INSERT INTO lianyun.financing_asked (no)
SELECT a.no FROM unnest(%(nos)s::bigint[]) AS a (no)
ON CONFLICT (no) DO NOTHING
