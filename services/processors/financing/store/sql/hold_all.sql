SELECT registry, versions, consignments, involved, moment, "position", number, steady, ruled, answered, repeated
FROM lianyun.financing_hold_all(
    %(named)s::uuid[], %(kinds)s::smallint[], %(financings)s::uuid[], %(own)s::uuid, %(prints)s::uuid[],
    %(made_by)s::text[], %(further)s::bigint[], %(told)s::uuid[], %(disposes)s, %(asked_by)s, %(idempotency)s, %(request)s::uuid
)
