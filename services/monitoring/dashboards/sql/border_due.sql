SELECT count(*) AS trains FROM dashboard.border_train t WHERE t.phase = 'DUE' AND t.crossing ~ '^(${crossing:regex})$'
