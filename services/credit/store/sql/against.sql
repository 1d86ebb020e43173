-- What went wrong, and what rests on the given (disputed) events.
SELECT shipper, signal, subject, unit, day, bad, events FROM lianyun.credit_observation
WHERE shipper = %(shipper)s AND (bad > 0 OR events && %(events)s::uuid[])
