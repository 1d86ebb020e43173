SELECT unnest(h.subjects)
UNION
-- The applications under which the financings involved are reserved, and those that they were touched by.
SELECT substr(encode(sha256('\x6170706c69636174696f6e00'::bytea || convert_to(r.application, 'UTF8')), 'hex'), 1, 32)::uuid
FROM (
    SELECT DISTINCT ON (d.financing) d.application
    FROM lianyun.financing_touched t JOIN lianyun.financing_decision d ON d.number = t.number
    WHERE t.financing = ANY (h.involved) AND d.action = 'RESERVE' AND d.outcome = 'DONE'
    ORDER BY d.financing, d.number DESC
) AS r
