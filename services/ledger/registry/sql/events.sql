SELECT version, at, by, body::text FROM lianyun.registry_event WHERE version > %(after)s ORDER BY version
