-- One pass over the heads: what came to its destination lately, or went on from there lately.
SELECT h.cons FROM lianyun.head h
WHERE h.founded AND NOT h.broken AND h.movement[5] >= %(at_destination)s AND h.movement[1] >= %(since)s
