INSERT INTO lianyun.webhook_secret (subscription, scheme, sealed, public, created)
VALUES (%(id)s, %(scheme)s, %(sealed)s, %(public)s, %(now)s)
RETURNING no
