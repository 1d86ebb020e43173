-- A case by the first digits of its id.
SELECT case_id FROM lianyun.case_head WHERE case_id BETWEEN %(low)s::uuid AND %(high)s::uuid ORDER BY case_id LIMIT 2
