INSERT INTO lianyun.api_answer (party, key, request, status, headers, body, given, seal)
VALUES (%(party)s, %(key)s, %(request)s, %(status)s, %(headers)s::jsonb, %(body)s, %(given)s, %(seal)s)
