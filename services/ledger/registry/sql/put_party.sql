-- The newest shape; sources are only ever added, since nobody else may have one that was somebody's.
WITH put AS (
    INSERT INTO lianyun.party (no, code, name, roles, countries, managers, places, topics, sources, since, version)
    VALUES (%(no)s, %(code)s, %(name)s, %(roles)s, %(countries)s, %(managers)s, %(places)s, %(topics)s, %(sources)s,
            %(since)s, %(version)s)
    ON CONFLICT (no) DO UPDATE
    SET name = excluded.name,
        roles = excluded.roles,
        countries = excluded.countries,
        managers = excluded.managers,
        places = excluded.places,
        topics = excluded.topics,
        sources = excluded.sources,
        since = excluded.since,
        version = excluded.version
    RETURNING no
)
INSERT INTO lianyun.party_source (source, party)
SELECT source, no FROM put, unnest(%(sources)s::text[]) AS source
ON CONFLICT (source) DO NOTHING
