SELECT event FROM lianyun.credit_about WHERE key = ANY (%(keys)s)
