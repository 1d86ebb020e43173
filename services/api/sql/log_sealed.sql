INSERT INTO lianyun.access_log_sealed
    (at, client, party, bound, purpose, method, route, resource, subjects, status, request)
VALUES
    (%(at)s, %(client)s, %(party)s, %(bound)s, %(purpose)s, %(method)s, %(route)s, %(resource)s, %(subjects)s::text[],
     %(status)s, %(request)s)
