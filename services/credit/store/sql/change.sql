-- Adds differences to the counts; a count that falls to nothing goes.
WITH change (shipper, signal, day, trials, bad) AS MATERIALIZED (
    SELECT * FROM unnest(%(shippers)s::text[], %(signals)s::smallint[], %(days)s::integer[], %(trials)s::integer[],
                         %(bads)s::bigint[])
), changed AS (
    UPDATE lianyun.credit_count c SET trials = c.trials + n.trials, bad = c.bad + n.bad
    FROM change n WHERE (c.shipper, c.signal, c.day) = (n.shipper, n.signal, n.day)
    RETURNING c.shipper, c.signal, c.day
)
INSERT INTO lianyun.credit_count (shipper, signal, day, trials, bad)
SELECT n.shipper, n.signal, n.day, n.trials, n.bad FROM change n
WHERE NOT EXISTS (SELECT 1 FROM changed c WHERE (c.shipper, c.signal, c.day) = (n.shipper, n.signal, n.day))
