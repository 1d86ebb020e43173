-- How the platform itself is: what it accepted last, what waits, what was refused, who works.
SELECT (SELECT coalesce(sum(events), 0)::bigint FROM lianyun.batch
        WHERE at > now() - interval '1 minute'),
       (SELECT max(at) FROM lianyun.batch),
       (SELECT count(*) FROM lianyun.pending),
       (SELECT count(*) FROM lianyun.dead_letter WHERE state = 'OPEN'),
       (SELECT count(*) FROM lianyun.worker_slot WHERE leased_until > now()),
       (SELECT whole_at FROM lianyun.case_cursor),
       (SELECT whole_at FROM lianyun.credit_cursor)
