INSERT INTO lianyun.financing_external (financing, registry, at, finding)
VALUES (%(financing)s, %(registry)s, %(at)s, %(finding)s)
ON CONFLICT (financing, registry, at) DO NOTHING
