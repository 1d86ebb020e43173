-- The present one ends with the overlap; what an earlier rotation left over ends now. Returns each number, and whether it is gone.
WITH gone AS (
    DELETE FROM lianyun.webhook_secret
    WHERE subscription = %(id)s AND scheme = %(scheme)s AND expires IS NOT NULL
    RETURNING no
), ending AS (
    UPDATE lianyun.webhook_secret SET expires = %(expires)s
    WHERE subscription = %(id)s AND scheme = %(scheme)s AND expires IS NULL
    RETURNING no
)
SELECT no, true FROM gone UNION ALL SELECT no, false FROM ending ORDER BY 1
