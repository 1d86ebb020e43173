-- Every head of the transaction in one statement and in order: two workers cannot deadlock on heads.
INSERT INTO head (cons)
SELECT DISTINCT t.cons FROM hit t ORDER BY t.cons
ON CONFLICT (cons) DO UPDATE SET cons = excluded.cons WHERE false
