SELECT p.partner, p.name, p.roles, p.heard, p.open_letters AS "open letters", p.oldest_open AS "oldest open letter",
       p.key_ends AS "last key ends"
FROM dashboard.partner p
WHERE p.partner ~ '^(${partner:regex})$'
ORDER BY p.open_letters DESC, p.heard NULLS FIRST
