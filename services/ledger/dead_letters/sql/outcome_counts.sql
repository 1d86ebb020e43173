SELECT outcome, count(*) FROM lianyun.dead_letter_outcome GROUP BY outcome ORDER BY outcome
