INSERT INTO lianyun.registry_event (version, kind, at, by, body)
VALUES (%(version)s, %(kind)s, %(at)s, %(by)s, %(body)s::jsonb)
