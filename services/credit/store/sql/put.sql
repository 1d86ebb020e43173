INSERT INTO lianyun.credit_observation (shipper, signal, subject, unit, day, bad, events)
VALUES (%(shipper)s, %(signal)s, %(subject)s, %(unit)s, %(day)s, %(bad)s, %(events)s::uuid[])
