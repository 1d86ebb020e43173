-- The messages that were accepted from a partition, in the order of their offsets; where offsets were given out again, several under one.
SELECT b."offset", b.appended, b.headers, b.payload
FROM lianyun.body b
JOIN lianyun.topic t ON t.no = b.topic
WHERE t.name = %(topic)s AND b.part = %(part)s AND b."offset" >= %(start)s AND b."offset" < %(stop)s
ORDER BY b."offset"
