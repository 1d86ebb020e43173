INSERT INTO lianyun.batch (first_no, events) VALUES (%(first)s, %(events)s)
