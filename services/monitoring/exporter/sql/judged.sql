-- The moment that the causes of cases are of; null until all that is visible was followed.
SELECT CASE WHEN c.whole_at IS NOT NULL THEN c.as_of END FROM lianyun.case_cursor c
