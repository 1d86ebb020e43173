WITH hours AS (DELETE FROM lianyun.dead_letter_hour WHERE hour < %(older_than)s / 3600000000)
DELETE FROM lianyun.dead_letter_cut WHERE last_append < %(older_than)s
