SELECT digest FROM lianyun.dead_letter
WHERE last_append < %(older_than)s
ORDER BY last_append, digest
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
