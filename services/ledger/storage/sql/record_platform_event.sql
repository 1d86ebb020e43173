INSERT INTO lianyun.platform_event (kind, detail) VALUES (%(kind)s, %(detail)s)
RETURNING no, (extract(epoch FROM at) * 1000000)::bigint
