SELECT count(*) AS "open" FROM dashboard.open_case
