SELECT count(*) AS boxes FROM dashboard.border_box b
WHERE b.phase IN ('DUE', 'QUEUED') AND b.waits_for <> '' AND b.crossing ~ '^(${crossing:regex})$'
