INSERT INTO lianyun.webhook_message (id, party, type, at, body)
SELECT n.* FROM unnest(%(ids)s::text[], %(parties)s::text[], %(types)s::text[], %(ats)s::bigint[], %(bodies)s::bytea[])
    AS n (id, party, type, at, body)
ORDER BY n.id
ON CONFLICT (id) DO NOTHING
