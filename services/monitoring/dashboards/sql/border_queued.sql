SELECT count(*) AS trains FROM dashboard.border_train t WHERE t.phase = 'QUEUED' AND t.crossing ~ '^(${crossing:regex})$'
