DELETE FROM lianyun.credit_observation o
USING unnest(%(subjects)s::text[], %(signals)s::smallint[], %(units)s::text[], %(shippers)s::text[])
    AS n (subject, signal, unit, shipper)
WHERE (o.subject, o.signal, o.unit, o.shipper) = (n.subject, n.signal, n.unit, n.shipper)
