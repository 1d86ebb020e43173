SELECT topic, topic_id, part, publisher, reason, hour, messages, first_offset, last_offset, first_append, last_append, digest
FROM lianyun.dead_letter_cut
ORDER BY last_append DESC, topic, part, publisher, reason
LIMIT %(limit)s
