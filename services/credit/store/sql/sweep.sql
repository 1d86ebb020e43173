DELETE FROM lianyun.credit_count c
USING unnest(%(shippers)s::text[], %(signals)s::smallint[], %(days)s::integer[]) AS n (shipper, signal, day)
WHERE (c.shipper, c.signal, c.day) = (n.shipper, n.signal, n.day) AND c.trials = 0
