SELECT publisher, min(first_append) FROM lianyun.dead_letter WHERE state = 'OPEN' GROUP BY publisher
