SELECT t.number, t.text FROM unnest(%(numbers)s::bigint[]) AS n (number) JOIN lianyun.term t ON t.number = n.number
