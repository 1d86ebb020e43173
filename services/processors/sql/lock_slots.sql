-- One taker at a time per group; released at the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('lianyun.worker_slot/' || %(group)s, 0))
