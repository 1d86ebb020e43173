SELECT count(*) AS "in force" FROM dashboard.restriction r WHERE r.in_force
