DELETE FROM lianyun.dead_letter_outcome WHERE digest = ANY (%(digests)s::bytea[]) RETURNING no
