-- Held until the transaction ends: whoever asks again meanwhile is told so instead of waiting.
SELECT pg_try_advisory_xact_lock(%(lock)s)
