-- What older releases recorded; none of their processes is at work any more.
INSERT INTO lianyun.financing_tally AS t (stream, decisions, numbers)
SELECT 0, count(*), coalesce(sum(number), 0)::bigint FROM lianyun.financing_decision WHERE stream IS NULL
ON CONFLICT (stream) DO UPDATE SET decisions = excluded.decisions, numbers = excluded.numbers
