SELECT cons FROM lianyun.credit_again
WHERE mark < coalesce((SELECT id FROM lianyun.pending ORDER BY id LIMIT 1), 9223372036854775807)
