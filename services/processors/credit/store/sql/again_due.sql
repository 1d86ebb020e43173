SELECT cons FROM lianyun.credit_again
WHERE mark < coalesce((SELECT min(id) FROM lianyun.pending), 9223372036854775807)
