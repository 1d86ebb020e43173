WITH aside AS (
    INSERT INTO lianyun.quarantine (no)
    SELECT b.no FROM lianyun.body b WHERE b.key_id = %(key)s AND b.appended >= %(start)s
    ON CONFLICT DO NOTHING
    RETURNING no
)
SELECT b.id FROM aside a JOIN lianyun.body b ON b.no = a.no
