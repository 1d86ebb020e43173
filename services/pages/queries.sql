-- The SQL of the pages, by name.

-- name: begin
-- The registry's version and the database's clock in UTC microseconds: at the start of every request.
SELECT (SELECT version FROM lianyun.registry_version), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint

-- name: end_link
UPDATE lianyun.share_link SET ended = %(at)s
WHERE id = %(id)s::uuid AND (%(party)s = '' OR party = %(party)s) AND ended IS NULL AND expires > %(at)s
RETURNING id::text

-- name: link_by_id
SELECT id::text, uuid_send(consignment), reference, party, made_by, fields, label, made, expires, ended
FROM lianyun.share_link WHERE id = %(id)s::uuid

-- name: link_of
SELECT id::text, uuid_send(consignment), reference, party, made_by, fields, label, made, expires, ended
FROM lianyun.share_link WHERE digest = %(digest)s

-- name: link_openings
SELECT at FROM lianyun.access_log
WHERE client = %(client)s AND client LIKE 'share:%%'
ORDER BY at DESC LIMIT %(limit)s

-- name: links_of_party
SELECT s.id::text, uuid_send(s.consignment), s.reference, s.party, s.made_by, s.fields, s.label, s.made, s.expires, s.ended, o.opened,
       ARRAY(SELECT a.at FROM lianyun.access_log a WHERE a.client = 'share:' || s.id AND a.client LIKE 'share:%%' ORDER BY a.at DESC LIMIT 50)
FROM lianyun.share_link s
CROSS JOIN LATERAL (
    SELECT count(*) AS opened FROM lianyun.access_log a
    WHERE a.client = 'share:' || s.id AND a.client LIKE 'share:%%'
) o
WHERE (%(party)s = '' OR s.party = %(party)s) AND (%(reference)s::text IS NULL OR s.reference = %(reference)s)
ORDER BY s.made DESC, s.id
LIMIT %(most)s

-- name: look
SELECT 1 FROM lianyun.registry_version

-- name: make_link
INSERT INTO lianyun.share_link (id, digest, consignment, reference, party, made_by, fields, label, made, expires)
VALUES (%(id)s::uuid, %(digest)s, %(consignment)s::uuid, %(reference)s, %(party)s, %(made_by)s, %(fields)s::text[], %(label)s, %(made)s,
        %(expires)s)
