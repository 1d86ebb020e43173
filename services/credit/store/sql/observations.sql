SELECT shipper, signal, subject, unit, day, bad, events FROM lianyun.credit_observation
WHERE subject = ANY (%(subjects)s) AND (signal = 8) = %(financing)s
