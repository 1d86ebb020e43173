-- The oldest event that waits for its decision and that nobody else is at work on.
SELECT a.no FROM lianyun.financing_asked a WHERE a.answered IS NULL ORDER BY a.no LIMIT 1 FOR UPDATE SKIP LOCKED
