-- Every transaction that began before the mark has ended: nothing can have missed these changes any more.
WITH ripe AS (
    DELETE FROM pending WHERE id IN (
        SELECT p.id FROM pending p
        WHERE p.mark <= pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY p.id LIMIT %(most)s FOR UPDATE SKIP LOCKED
    )
    RETURNING judged, nos, consignments
)
SELECT judged, nos, consignments FROM ripe
