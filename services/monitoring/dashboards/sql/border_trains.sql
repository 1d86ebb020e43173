SELECT t.crossing, t.phase, t.train, t.bound, t.ready || '/' || t.boxes AS ready, t.waits_for AS "waits for",
       t.beijing AS "Beijing", t.local, t.moscow AS "Moscow", t.expected_by AS "due by", t.last_event AS "last event",
       t.position, t.case_owner AS "case owner", t.cases
FROM dashboard.border_train t
WHERE t.crossing ~ '^(${crossing:regex})$' AND strpos(t.train, ${train:sqlstring}) > 0
ORDER BY t.crossing, array_position('{QUEUED,DUE,HANDED_OVER}', t.phase), t.at
