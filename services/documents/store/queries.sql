-- The SQL of documents, by name.

-- name: controlling
-- The other live originals over the cargo of a consignment whose surrender delivery needs.
SELECT h.document FROM lianyun.document_head h LEFT JOIN lianyun.canonical k ON k.cons = h.cons
WHERE h.controls AND h.document <> %(document)s::uuid
  AND coalesce(k.canonical, h.cons) = coalesce(
      (SELECT canonical FROM lianyun.canonical WHERE cons = %(cons)s::uuid), %(cons)s::uuid)
ORDER BY h.document

-- name: decided_under
SELECT d.number, d.document, d.kind, d.form, d.consignment, d.action, d.outcome, d.at, d.position, d.before, d.by_party, d.request,
       d.version, d.content, d.previous, d.to_party, d.paper, d.instruction, d.signature, d.registry, d.place, d.guard, d.satisfied_by, d.rules
FROM lianyun.document_decision d WHERE (d.by_party, d.request) = (%(by)s, %(request)s)

-- name: decisions_of
SELECT d.number, d.document, d.kind, d.form, d.consignment, d.action, d.outcome, d.at, d.position, d.before, d.by_party, d.request,
       d.version, d.content, d.previous, d.to_party, d.paper, d.instruction, d.signature, d.registry, d.place, d.guard, d.satisfied_by, d.rules
FROM lianyun.document_decision d WHERE d.document = ANY (%(documents)s::uuid[]) ORDER BY d.document, d.number

-- name: documents_over
-- The documents over consignments, whatever names them the same.
SELECT h.document FROM lianyun.document_head h LEFT JOIN lianyun.canonical k ON k.cons = h.cons
WHERE coalesce(k.canonical, h.cons) = ANY (%(ids)s::uuid[]) OR h.cons = ANY (%(ids)s::uuid[])
ORDER BY h.document

-- name: number
SELECT nextval('lianyun.document_number')

-- name: put_decision
INSERT INTO lianyun.document_decision
    (number, document, before, at, position, kind, form, consignment, action, outcome, by_party, request, version, content, previous,
     to_party, paper, instruction, signature, registry, place, guard, satisfied_by, rules, headers, payload)
VALUES
    (%(number)s, %(document)s::uuid, %(before)s, %(at)s, %(position)s, %(kind)s, %(form)s, %(consignment)s, %(action)s, %(outcome)s, %(by)s,
     %(request)s, %(version)s, %(content)s, %(previous)s, %(to)s, %(paper)s, %(instruction)s, %(signature)s, %(registry)s, %(place)s,
     %(guard)s, %(satisfied_by)s, %(rules)s, %(headers)s, %(payload)s)

-- name: put_head
INSERT INTO lianyun.document_head
    (document, number, kind, form, issuer, consignment, cons, controls, holder, state, transfers, last, at, readers)
VALUES
    (%(document)s::uuid, %(number)s, %(kind)s, %(form)s, %(issuer)s, %(consignment)s, %(cons)s::uuid, %(controls)s, %(holder)s,
     %(state)s, %(transfers)s, %(last)s, %(at)s, %(readers)s)
ON CONFLICT (document) DO UPDATE SET controls = excluded.controls, holder = excluded.holder, state = excluded.state,
    transfers = excluded.transfers, last = excluded.last, at = excluded.at, readers = excluded.readers

-- name: put_version
INSERT INTO lianyun.document_version (document, content, decision, body)
VALUES (%(document)s::uuid, %(content)s, %(decision)s, %(body)s)
ON CONFLICT (document, content) DO NOTHING

-- name: readable
-- The documents that a party may have to do with, the latest change first.
SELECT h.document FROM lianyun.document_head h
WHERE h.readers @> ARRAY[%(party)s]::text[] AND (%(last)s::bigint IS NULL OR h.last < %(last)s)
ORDER BY h.last DESC LIMIT %(limit)s

-- name: signed
SELECT d.number, d.at, d.headers, d.payload FROM lianyun.document_decision d WHERE d.number = %(number)s

-- name: versions_of
SELECT v.document, v.content, v.body FROM lianyun.document_version v WHERE v.document = ANY (%(documents)s::uuid[])
