-- The next entry of a register; its changes are entered one after the other until their transactions end.
WITH head AS (
    INSERT INTO lianyun.audit_head AS h (register, entries, digest)
    VALUES (%(register)s, 1, sha256(%(link)s::bytea))
    ON CONFLICT (register) DO UPDATE SET entries = h.entries + 1, digest = sha256(h.digest || %(link)s::bytea)
    RETURNING entries, digest
)
INSERT INTO lianyun.audit_trail (register, no, key, change, digest)
SELECT %(register)s, entries, %(key)s, %(change)s, digest FROM head
