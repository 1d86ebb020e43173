INSERT INTO lianyun.financing_acknowledged (financing, alert, at, client, remark)
VALUES (%(financing)s, %(alert)s, %(at)s, %(client)s, %(remark)s)
ON CONFLICT (financing, alert) DO NOTHING
