SELECT count(*) AS trains FROM dashboard.border_train t WHERE t.phase = 'HANDED_OVER' AND t.crossing ~ '^(${crossing:regex})$'
