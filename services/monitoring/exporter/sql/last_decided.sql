-- Of the financings that hold something: when the one of which nothing was decided for longest was last decided on.
SELECT l.pledged, d.at
FROM (
    SELECT h.pledged, min(t.number) AS number
    FROM lianyun.financing_hold h
    CROSS JOIN LATERAL (
        SELECT max(f.number) AS number FROM lianyun.financing_touched f WHERE f.financing = h.financing
    ) AS t
    WHERE NOT h.ended
    GROUP BY h.pledged
) AS l
JOIN lianyun.financing_decision d ON d.number = l.number
