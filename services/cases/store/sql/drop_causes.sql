DELETE FROM lianyun.case_cause c
USING unnest(%(conses)s::uuid[], %(cases)s::uuid[]) AS n (cons, case_id)
WHERE (c.cons, c.case_id) = (n.cons, n.case_id)
