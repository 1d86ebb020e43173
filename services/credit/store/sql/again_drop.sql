DELETE FROM lianyun.credit_again WHERE cons = ANY (%(ids)s::uuid[])
