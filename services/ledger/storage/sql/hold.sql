-- Keeps the registry and the current generation as they are until the transaction ends.
SELECT r.version, g.number, nextval('lianyun.event_block')
FROM lianyun.registry_version r, lianyun.generation g
WHERE g.state = 'CURRENT'
FOR SHARE
