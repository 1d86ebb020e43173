DELETE FROM lianyun.case_touched WHERE case_id = ANY (%(ids)s::uuid[])
