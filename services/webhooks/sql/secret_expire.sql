-- The present one ends with the overlap; what an earlier rotation left over ends now.
WITH gone AS (
    DELETE FROM lianyun.webhook_secret
    WHERE subscription = %(id)s AND scheme = %(scheme)s AND expires IS NOT NULL
)
UPDATE lianyun.webhook_secret SET expires = %(expires)s
WHERE subscription = %(id)s AND scheme = %(scheme)s AND expires IS NULL
