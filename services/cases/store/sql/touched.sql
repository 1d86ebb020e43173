SELECT case_id FROM lianyun.case_touched ORDER BY case_id LIMIT %(limit)s
