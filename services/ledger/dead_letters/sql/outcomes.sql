SELECT at, by, action, outcome, detail FROM lianyun.dead_letter_outcome WHERE digest = %(digest)s ORDER BY no
