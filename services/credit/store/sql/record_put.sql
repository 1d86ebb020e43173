INSERT INTO lianyun.credit_record (id, reader, purpose, shipper, given, body, supersedes)
VALUES (%(id)s, %(reader)s, %(purpose)s, %(shipper)s, %(given)s, %(body)s, %(supersedes)s)
RETURNING no
