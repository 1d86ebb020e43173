SELECT ask, registry, versions, consignments, involved, near, keys, moment, "position", number, steady, ruled, answered, repeated
FROM lianyun.financing_hold_goods(
    %(named)s::text[], %(kinds)s::text[], %(financings)s::text[], %(own)s::text[], %(prints)s::text[], %(made_by)s::text[],
    %(further)s::text[], %(told)s::text[], %(disposes)s::boolean[], %(nearby)s::boolean[],
    %(asked_by)s::text[], %(idempotency)s::text[], %(request)s::text[]
)
