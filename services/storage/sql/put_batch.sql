INSERT INTO lianyun.batch (first_no, events, taken) VALUES (%(first)s, %(events)s, %(taken)s)
