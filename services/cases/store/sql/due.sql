-- What is to be looked at again: by time, and what was judged before all had been settled.
SELECT cons FROM lianyun.case_due WHERE due <= %(as_of)s
UNION
SELECT cons FROM lianyun.case_again
WHERE mark < coalesce((SELECT id FROM lianyun.pending ORDER BY id LIMIT 1), 9223372036854775807)
