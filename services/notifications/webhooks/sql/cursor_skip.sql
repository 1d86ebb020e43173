-- Nobody asks for it: whatever is visible for good by now needs no message.
UPDATE lianyun.webhook_cursor SET xid = pg_snapshot_xmin(pg_current_snapshot()), no = -1
WHERE source = %(source)s AND xid < pg_snapshot_xmin(pg_current_snapshot())
