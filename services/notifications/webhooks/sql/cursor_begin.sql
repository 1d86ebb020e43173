-- From the first subscription on: whatever commits from now on lies at or above this horizon.
INSERT INTO lianyun.webhook_cursor (source, xid, no)
SELECT n.source, pg_snapshot_xmin(pg_current_snapshot()), -1
FROM unnest(ARRAY['decision', 'event', 'watch']) AS n (source)
ON CONFLICT (source) DO NOTHING
