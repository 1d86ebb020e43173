SELECT d.publisher, d.reason, CASE WHEN d.state = 'OPEN' AND i.id IS NOT NULL THEN 'REPLACED' ELSE d.state END,
       count(*), sum(d.count)::bigint
FROM lianyun.dead_letter d
LEFT JOIN lianyun.identity i ON i.id = d.event
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
