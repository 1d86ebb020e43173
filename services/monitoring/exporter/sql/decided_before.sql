-- The decision that last changed where each financing stood, before a decision; in the order asked. Whoever decides on a financing
-- has seen all earlier decisions on it, so where the later one is visible the earlier one is.
SELECT p.action, p.amount, p.financing
FROM unnest(%(financings)s::uuid[], %(numbers)s::bigint[]) WITH ORDINALITY AS n (financing, number, ordinal)
LEFT JOIN LATERAL (
    SELECT d.action, d.amount IS NOT NULL AS amount, d.financing
    FROM lianyun.financing_touched t
    JOIN lianyun.financing_decision d ON d.number = t.number
    WHERE t.financing = n.financing AND t.number < n.number
      AND d.outcome = 'DONE' AND d.action <> ALL (%(disposing)s::text[])
    ORDER BY t.number DESC
    LIMIT 1
) AS p ON true
ORDER BY n.ordinal
