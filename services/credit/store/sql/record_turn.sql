-- One at a time for each reader, purpose and shipper, so that each record supersedes the one before it.
SELECT pg_advisory_xact_lock(hashtextextended(%(reader)s || '/' || %(purpose)s || '/' || %(shipper)s, 7000))
