WITH freed AS (
    UPDATE lianyun.financing_hold SET ended = true WHERE financing = ANY (%(frees)s::uuid[])
)
INSERT INTO lianyun.financing_hold AS h (financing, name, blocks, pledged, ended)
SELECT %(financing)s::uuid, %(name)s, %(blocks)s, %(pledged)s, %(ended)s
WHERE %(financing)s::uuid IS NOT NULL
ON CONFLICT (financing) DO UPDATE
SET pledged = h.pledged OR excluded.pledged,
    -- A reference whose reservation ran out may be reserved anew.
    ended = excluded.ended
