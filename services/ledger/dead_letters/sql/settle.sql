UPDATE lianyun.dead_letter SET state = %(state)s WHERE digest = %(digest)s AND state = ANY (%(of)s::text[])
