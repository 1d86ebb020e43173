SELECT DISTINCT cons FROM lianyun.case_cause WHERE cons = ANY (%(ids)s::uuid[])
