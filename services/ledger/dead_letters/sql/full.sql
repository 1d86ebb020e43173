-- Which of these hours of publishers have no room for another letter; what is full stays full.
SELECT h.publisher, h.hour
FROM unnest(%(publishers)s::text[], %(hours)s::bigint[]) AS n (publisher, hour)
JOIN lianyun.dead_letter_hour h ON h.publisher = n.publisher AND h.hour = n.hour
WHERE h.letters >= %(per_hour)s
