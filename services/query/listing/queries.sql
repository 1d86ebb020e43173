-- The SQL of lists of consignments, by name.

-- name: drop_rows
DELETE FROM lianyun.consignment_party c
USING unnest(%(parties)s::bigint[], %(conses)s::uuid[]) AS n (party, cons)
WHERE (c.cons, c.party) = (n.cons, n.party)

-- name: list_all
SELECT c.opened, c.cons FROM lianyun.consignment_party c
WHERE c.party = %(party)s AND (c.opened, c.cons) < (%(opened)s, %(cons)s)
  AND (%(phases)s::smallint[] IS NULL OR c.phase = ANY (%(phases)s::smallint[]))
  AND (%(corridor)s::text IS NULL OR c.corridor = %(corridor)s)
  AND (c.late OR NOT %(late)s) AND (c.disputed OR NOT %(disputed)s)
ORDER BY c.opened DESC, c.cons DESC
LIMIT %(limit)s

-- name: list_attention
SELECT c.opened, c.cons FROM lianyun.consignment_party c
WHERE c.party = %(party)s AND (c.opened, c.cons) < (%(opened)s, %(cons)s) AND (c.late OR c.disputed OR c.trouble OR c.silent)
  AND (%(phases)s::smallint[] IS NULL OR c.phase = ANY (%(phases)s::smallint[]))
  AND (%(corridor)s::text IS NULL OR c.corridor = %(corridor)s)
  AND (c.late OR NOT %(late)s) AND (c.disputed OR NOT %(disputed)s)
ORDER BY c.opened DESC, c.cons DESC
LIMIT %(limit)s

-- name: list_corridor
SELECT c.opened, c.cons FROM lianyun.consignment_party c
WHERE c.party = %(party)s AND c.corridor = %(corridor)s AND (c.opened, c.cons) < (%(opened)s, %(cons)s)
  AND (%(phases)s::smallint[] IS NULL OR c.phase = ANY (%(phases)s::smallint[]))
  AND (c.late OR NOT %(late)s) AND (c.disputed OR NOT %(disputed)s)
ORDER BY c.opened DESC, c.cons DESC
LIMIT %(limit)s

-- name: list_under_way
SELECT c.opened, c.cons FROM lianyun.consignment_party c
WHERE c.party = %(party)s AND (c.opened, c.cons) < (%(opened)s, %(cons)s) AND c.phase < 6
  AND (%(phases)s::smallint[] IS NULL OR c.phase = ANY (%(phases)s::smallint[]))
  AND (%(corridor)s::text IS NULL OR c.corridor = %(corridor)s)
  AND (c.late OR NOT %(late)s) AND (c.disputed OR NOT %(disputed)s)
ORDER BY c.opened DESC, c.cons DESC
LIMIT %(limit)s

-- name: put_rows
INSERT INTO lianyun.consignment_party (party, cons, opened, phase, corridor, late, disputed, trouble, silent)
SELECT * FROM unnest(%(parties)s::bigint[], %(conses)s::uuid[], %(opened)s::bigint[], %(phases)s::smallint[], %(corridors)s::text[],
                     %(late)s::boolean[], %(disputed)s::boolean[], %(trouble)s::boolean[], %(silent)s::boolean[])

-- name: rows_of
SELECT c.party, c.cons, c.opened, c.phase, c.corridor, c.late, c.disputed, c.trouble, c.silent
FROM lianyun.consignment_party c WHERE c.cons = ANY (%(ids)s::uuid[])
