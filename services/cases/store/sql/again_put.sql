-- What was judged while something waited to be settled is judged once more when all that waited then is done; below every mark is
-- what was not judged yet.
INSERT INTO lianyun.case_again (cons, mark) SELECT n.cons, %(mark)s FROM unnest(%(ids)s::uuid[]) AS n (cons)
ON CONFLICT (cons) DO UPDATE SET mark = excluded.mark
