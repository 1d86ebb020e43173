INSERT INTO lianyun.party_earlier (party, version, since, name, roles, countries, managers, places, topics, sources)
SELECT no, version, since, name, roles, countries, managers, places, topics, sources
FROM lianyun.party WHERE no = %(no)s
