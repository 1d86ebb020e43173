SELECT DISTINCT no FROM lianyun.financing_word WHERE subject = ANY (%(subjects)s::uuid[]) ORDER BY no
