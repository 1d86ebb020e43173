-- The trains of which something was heard in the given time, with the latest that was.
SELECT t.train, t.milestone, t.position, t.exceptions
FROM lianyun.train_head t
WHERE greatest(t.milestone[1], t.position[1]) BETWEEN %(since)s AND %(now)s
