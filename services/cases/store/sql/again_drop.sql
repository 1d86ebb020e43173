DELETE FROM lianyun.case_again WHERE cons = ANY (%(ids)s::uuid[])
