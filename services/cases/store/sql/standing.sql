SELECT case_id, stands FROM lianyun.case_head WHERE case_id = ANY (%(ids)s::uuid[])
