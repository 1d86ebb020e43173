-- One pass over the heads.
SELECT h.cons, coalesce(h.movement[5] / 100, 0), h.disputes > 0, h.exceptions > 0, h.broken
FROM lianyun.head h
WHERE h.founded AND (h.broken OR coalesce(h.movement[5], 0) < %(delivered)s)
