-- Sessions of others are seen with their times by a member of pg_read_all_stats.
SELECT count(*), current_setting('max_connections')::integer, pg_database_size(current_database()),
       min(extract(epoch FROM a.xact_start)) FILTER (WHERE a.backend_xid IS NOT NULL AND a.datname = current_database()),
       (SELECT count(*) FROM lianyun.pending)
FROM pg_stat_activity a
WHERE a.backend_type = 'client backend'
