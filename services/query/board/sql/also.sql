-- The other trains that carry the boxes around a moment, and the events that say so: the same cargo under another railway's number.
SELECT a.train, a.other, a.no
FROM lianyun.train_also(%(trains)s::uuid[], %(boxes)s::uuid[], %(moments)s::bigint[], %(around)s) AS a
