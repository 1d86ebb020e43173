SELECT a.pid, pg_terminate_backend(a.pid) FROM pg_stat_activity a
WHERE a.application_name = 'lianyun' AND a.pid <> pg_backend_pid() AND a.datname = current_database()
  AND a.backend_xid IS NOT NULL AND a.wait_event_type = 'Client'
  AND greatest(a.xact_start, a.query_start, a.state_change) < clock_timestamp() - interval '2 seconds'
