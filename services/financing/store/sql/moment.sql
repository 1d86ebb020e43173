-- The clock and the horizon once the locks are held; a statement of its own, so that its snapshot is younger than them.
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint
