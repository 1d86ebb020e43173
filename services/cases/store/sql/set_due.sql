WITH gone AS (DELETE FROM lianyun.case_due WHERE cons = ANY (%(judged)s::uuid[]) AND cons <> ALL (%(ids)s::uuid[]))
INSERT INTO lianyun.case_due (cons, due)
SELECT n.cons, n.due FROM unnest(%(ids)s::uuid[], %(dues)s::bigint[]) AS n (cons, due)
ON CONFLICT (cons) DO UPDATE SET due = excluded.due
