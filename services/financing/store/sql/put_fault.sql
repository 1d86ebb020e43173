UPDATE lianyun.financing_asked SET fault = %(fault)s, again = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE no = %(no)s AND answered IS NULL
