-- Every shape of every party, the newest first.
SELECT no, code, name, roles, countries, managers, places, topics, sources, since, version FROM lianyun.party
UNION ALL
SELECT e.party, p.code, e.name, e.roles, e.countries, e.managers, e.places, e.topics, e.sources, e.since, e.version
FROM lianyun.party_earlier e JOIN lianyun.party p ON p.no = e.party
ORDER BY no, version DESC
