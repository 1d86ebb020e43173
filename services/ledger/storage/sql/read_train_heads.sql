SELECT h.train, h.milestone, h.position, h.exceptions
FROM unnest(%(ids)s::uuid[]) AS n (id) JOIN lianyun.train_head h ON h.train = n.id
ORDER BY h.train
