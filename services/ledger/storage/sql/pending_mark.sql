UPDATE pending SET mark = pg_current_xact_id()
WHERE id IN (
    SELECT p.id FROM pending p WHERE p.mark IS NULL AND p.id = ANY (%(ids)s::bigint[]) FOR UPDATE SKIP LOCKED
)
