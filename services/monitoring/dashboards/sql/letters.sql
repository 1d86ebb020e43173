SELECT l.partner, l.reason, l.letters, l.messages, l.first, l.last, l.remedy AS "to do"
FROM dashboard.dead_letter l
WHERE l.partner ~ '^(${partner:regex})$'
ORDER BY l.letters DESC
