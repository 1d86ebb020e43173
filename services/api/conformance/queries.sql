-- The SQL of conformance runs, by name.

-- name: attempts
SELECT event, content, events, reason, detail, pointer, remedy
FROM lianyun.conformance_attempt
WHERE party = %(party)s AND run = %(run)s
ORDER BY no

-- name: record
-- Nothing where the run has as many as are recorded of one.
INSERT INTO lianyun.conformance_attempt (party, run, at, event, content, events, reason, detail, pointer, remedy)
SELECT %(party)s, %(run)s, %(at)s, %(event)s, %(content)s, %(events)s, %(reason)s, %(detail)s, %(pointer)s, %(remedy)s
WHERE (SELECT count(*) FROM lianyun.conformance_attempt WHERE party = %(party)s AND run = %(run)s) < %(most)s

-- name: remove_older
-- The runs of a party before its latest.
DELETE FROM lianyun.conformance_attempt
WHERE party = %(party)s AND run NOT IN (
    SELECT run FROM lianyun.conformance_attempt WHERE party = %(party)s GROUP BY run ORDER BY max(no) DESC LIMIT %(runs)s
)

-- name: runs
SELECT run FROM lianyun.conformance_attempt WHERE party = %(party)s GROUP BY run ORDER BY max(no) DESC
