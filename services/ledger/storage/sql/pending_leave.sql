INSERT INTO pending (judged, nos, consignments)
VALUES (%(judged)s::uuid[], %(nos)s::bigint[], %(consignments)s::uuid[])
