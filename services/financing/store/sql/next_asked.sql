-- The oldest event that waits for its decision and that nobody else is at work on; what failed waits until it is tried again.
SELECT a.no FROM lianyun.financing_asked a
WHERE a.answered IS NULL AND (a.again IS NULL OR a.again <= clock_timestamp())
ORDER BY a.no
LIMIT 1
FOR UPDATE SKIP LOCKED
