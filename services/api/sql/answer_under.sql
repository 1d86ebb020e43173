-- Whoever asks again while the key is at work is told so instead of waiting.
SELECT free, request, status, headers, body FROM lianyun.api_answer_under(%(lock)s::bigint, %(party)s, %(key)s)
