-- What the statement before it in this transaction has locked (lianyun.financing_hold_goods), one row for each request.
SELECT h.ask, h.consignments::uuid[] AS consignments, h.involved::uuid[] AS involved, h.subjects::uuid[] AS subjects
FROM unnest(
    current_setting('lianyun.consignments')::text[], current_setting('lianyun.involved')::text[],
    current_setting('lianyun.subjects')::text[]
) WITH ORDINALITY AS h (consignments, involved, subjects, ask)
