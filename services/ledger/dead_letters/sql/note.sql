INSERT INTO lianyun.dead_letter_outcome (digest, at, by, action, outcome, detail)
SELECT digest, %(at)s, %(by)s, %(action)s, %(outcome)s, %(detail)s
FROM lianyun.dead_letter
WHERE digest = %(digest)s
RETURNING no
