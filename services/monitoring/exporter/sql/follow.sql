-- Goes on where the last one stopped, over the next batches that are visible for good. One at a time: another one that runs
-- finds the row taken and does nothing.
WITH place AS (
    SELECT c.xid, c.no FROM lianyun.exporter_cursor c FOR UPDATE SKIP LOCKED
), next AS (
    SELECT b.xid, b.first_no
    FROM place p
    CROSS JOIN LATERAL (
        SELECT n.xid, n.first_no
        FROM lianyun.batch n
        WHERE n.xid < pg_snapshot_xmin(pg_current_snapshot()) AND (n.xid, n.first_no) > (p.xid, p.no)
        ORDER BY n.xid, n.first_no
        LIMIT %(batches)s
    ) AS b
), heard AS (
    SELECT k.party, max(y.appended) AS appended
    FROM (
        SELECT e.key_id, max(e.appended) AS appended
        FROM next n
        CROSS JOIN LATERAL (
            SELECT s.key_id, s.appended FROM lianyun.body s
            WHERE s.no >= n.first_no AND s.no < n.first_no + 4096
        ) AS e
        GROUP BY e.key_id
    ) AS y
    JOIN lianyun.party_key k ON k.key_id = lpad(to_hex(y.key_id), 16, '0')
    GROUP BY k.party
), kept AS (
    INSERT INTO lianyun.partner_accepted AS a (party, appended)
    SELECT h.party, h.appended FROM heard h
    ON CONFLICT (party) DO UPDATE SET appended = excluded.appended WHERE excluded.appended > a.appended
)
UPDATE lianyun.exporter_cursor c
SET xid = l.xid, no = l.first_no
FROM (SELECT n.xid, n.first_no FROM next n ORDER BY n.xid DESC, n.first_no DESC LIMIT 1) AS l
RETURNING (SELECT count(*) FROM next)
