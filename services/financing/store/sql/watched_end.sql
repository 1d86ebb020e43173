-- The place behind all that is visible to everybody now.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text
