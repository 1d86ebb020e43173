-- Subscriptions of one party are made one after the other, so that their number is bounded.
SELECT pg_advisory_xact_lock(hashtextextended(%(party)s, 7300))
