INSERT INTO lianyun.financing_word (subject, no)
SELECT w.subject, w.no FROM unnest(%(subjects)s::uuid[], %(nos)s::bigint[]) AS w (subject, no)
ON CONFLICT (subject, no) DO NOTHING
