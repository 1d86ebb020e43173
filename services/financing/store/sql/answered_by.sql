SELECT answered FROM lianyun.financing_asked WHERE answered = ANY (%(numbers)s::bigint[])
