-- The digest covers the row itself, whose transaction only the database knows.
INSERT INTO lianyun.batch (first_no, events, taken, digest)
VALUES (%(first)s::bigint, %(events)s::integer, %(taken)s::integer, sha256(%(digest)s::bytea || convert_to(concat_ws(
    ' ', pg_current_xact_id(), %(first)s::bigint, %(events)s::integer, %(taken)s::integer,
    (extract(epoch FROM now()) * 1000000)::bigint
), 'UTF8')))
