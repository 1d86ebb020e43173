-- A line goes into the stream of this session, which no other session writes while this one does.
WITH last AS (
    INSERT INTO lianyun.access_stream AS s (log, stream, lines, seal)
    VALUES ('access_log_sealed', pg_backend_pid(), 1, sha256(%(digest)s::bytea))
    ON CONFLICT (log, stream) DO UPDATE SET lines = s.lines + 1, seal = sha256(s.seal || %(digest)s::bytea)
    RETURNING stream, lines, seal
)
INSERT INTO lianyun.access_log_sealed
    (id, at, client, party, bound, purpose, method, route, resource, subjects, status, request, answer, stream, place, seal)
SELECT %(id)s::uuid, %(at)s::bigint, %(client)s::text, %(party)s::text, %(bound)s::text, %(purpose)s::text, %(method)s::text,
       %(route)s::text, %(resource)s::text, %(subjects)s::text[], %(status)s::smallint, %(request)s::text, %(answer)s::bytea,
       stream, lines, seal
FROM last
