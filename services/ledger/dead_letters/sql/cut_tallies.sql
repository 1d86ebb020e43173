SELECT publisher, reason, sum(messages)::bigint FROM lianyun.dead_letter_cut GROUP BY publisher, reason ORDER BY publisher, reason
