-- One follower at a time. No row is locked: a transaction that writes nothing yet keeps no other from settling.
SELECT pg_advisory_xact_lock(7001, 1)
