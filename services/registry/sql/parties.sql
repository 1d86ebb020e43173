SELECT p.no, p.code, p.name, p.roles, p.countries, p.managers, p.places, p.topics,
       ARRAY(SELECT s.source FROM lianyun.party_source s WHERE s.party = p.no)
FROM lianyun.party p
ORDER BY p.no
