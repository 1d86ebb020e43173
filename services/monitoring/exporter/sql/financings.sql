SELECT h.pledged, count(*) FROM lianyun.financing_hold h WHERE NOT h.ended GROUP BY h.pledged
