INSERT INTO lianyun.financing_version (number, key_id, normaliser)
SELECT coalesce(max(number), 0) + 1, %(key_id)s, %(normaliser)s FROM lianyun.financing_version
RETURNING number
