WITH added AS (
    INSERT INTO lianyun.party (no, code, name, roles, countries, managers, places, topics)
    VALUES (%(no)s, %(code)s, %(name)s, %(roles)s, %(countries)s, %(managers)s, %(places)s, %(topics)s)
    RETURNING no
)
INSERT INTO lianyun.party_source (source, party)
SELECT source, no FROM added, unnest(%(sources)s::text[]) AS source
