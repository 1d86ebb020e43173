-- The trains of the border board in tables follow the rule of services.query.board anew: a milestone that names no place (the customs
-- clearance of a whole train) hides no train that stands at a border; a train is over when most of its boxes are; borders were closed
-- for longer than ten days. Milestones: 300 departed, 301 arrived, 302 handed over, 304 transshipped, 306 loaded on a vessel.
CREATE OR REPLACE FUNCTION lianyun.border_trains(now bigint) RETURNS TABLE (
    crossing text, near bigint, train uuid, phase text, expected bigint, announced boolean,
    milestone bigint[], "position" bigint[], boxes uuid[], loadings bigint[], keeps text[], numbers text[]
) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    hour constant bigint := 3600000000;
    trains uuid[];
    moments bigint[];
BEGIN
    -- Narrowed before any cargo is looked at: trains at a border, and those that may come to one in time.
    SELECT array_agg(n.train ORDER BY n.train), array_agg(n.at ORDER BY n.train)
    INTO trains, moments
    FROM (
        SELECT h.train, (coalesce(h.milestone, h.position))[1] AS at,
               CASE WHEN h.position[1] > h.milestone[1] OR coalesce(h.milestone[6], 0) = 0 THEN coalesce(h.position, h.milestone)
               ELSE h.milestone END AS latest
        FROM lianyun.train_head h WHERE greatest(h.milestone[1], h.position[1]) BETWEEN now - 672 * hour AND now
    ) AS n
    WHERE NOT (n.latest[5] IN (302, 304, 306) AND now - n.latest[1] > 12 * hour) AND (
        EXISTS (SELECT FROM lianyun.reference_side s WHERE s.itself = n.latest[6])
        OR EXISTS (
            SELECT FROM lianyun.reference_run r
            WHERE r.place = n.latest[6] AND (
                r.hours = 0 OR n.latest[1] + (r.hours * hour)::bigint BETWEEN now - 12 * hour AND now + 12 * hour))
        OR EXISTS (
            SELECT FROM lianyun.claim c
            WHERE c.object = n.train AND c.milestone = 301 AND c.part = 0 AND NOT c.dead
              AND c.happened BETWEEN now - 12 * hour AND now + 12 * hour)
    );
    RETURN QUERY
    WITH heard AS MATERIALIZED (
        SELECT h.train, coalesce(h.milestone, h.position) AS milestone, coalesce(h.position, h.milestone) AS position,
               CASE WHEN h.position[1] > h.milestone[1] OR coalesce(h.milestone[6], 0) = 0 THEN coalesce(h.position, h.milestone)
               ELSE h.milestone END AS latest
        FROM lianyun.train_head h WHERE h.train = ANY (trains)
    ), cargo AS MATERIALIZED (
        SELECT c.* FROM lianyun.train_cargo(trains, moments) AS c
    ), carried AS MATERIALIZED (
        SELECT c.train, (array_agg(DISTINCT n.cons ORDER BY n.cons))[1] AS first, array_agg(DISTINCT n.cons) AS consignments
        FROM cargo c CROSS JOIN LATERAL unnest(c.consignments) AS n (cons) GROUP BY c.train
    ), route AS MATERIALIZED (
        -- The crossings that the route planned last passes, of one consignment on board; trains are composed by route.
        SELECT k.train, l.crossings FROM carried k
        CROSS JOIN LATERAL (
            SELECT array(SELECT p.object FROM lianyun.passing p WHERE p.no = m.no) AS crossings
            FROM lianyun.reach r
            CROSS JOIN LATERAL unnest(k.first || r.objects) AS o (id)
            JOIN lianyun.mention m ON m.object = o.id
            JOIN lianyun.body b ON b.no = m.no
            WHERE r.cons = k.first AND NOT EXISTS (SELECT FROM lianyun.dead d WHERE d.id = b.id)
            ORDER BY m.no DESC LIMIT 1
        ) AS l
    ), over AS (
        -- Handed over as the train's own last news: the side where it was before is the near one.
        SELECT DISTINCT ON (h.train) h.train, s.crossing, s.near, 'HANDED_OVER' AS phase, NULL::bigint AS expected, false AS announced
        FROM heard h
        LEFT JOIN route r ON r.train = h.train
        JOIN lianyun.reference_side s ON h.latest[6] IN (s.near, s.far, s.itself)
            AND (r.train IS NULL OR s.object = ANY (r.crossings))
        WHERE h.latest[5] IN (302, 304, 306) AND now - h.latest[1] <= 12 * hour
        ORDER BY h.train,
                 EXISTS (SELECT FROM lianyun.claim c WHERE c.object = h.train AND c.place = s.near AND c.part <> 0 AND NOT c.dead
                         AND c.milestone NOT IN (302, 304, 306)) DESC,
                 s.near = h.latest[6] DESC, s.crossing
    ), coming AS (
        -- The crossing ahead that is nearest. One behind which the train has been lies behind it.
        SELECT DISTINCT ON (h.train) h.train, s.crossing, s.near, h.latest, e.at AS said,
               h.latest[1] + (n.hours * hour)::bigint AS reckoned
        FROM heard h
        LEFT JOIN route r ON r.train = h.train
        JOIN lianyun.reference_run n ON n.place = h.latest[6]
        JOIN lianyun.reference_side s ON s.crossing = n.crossing AND s.near = n.near
            AND CASE WHEN r.train IS NULL THEN n.hours = 0 ELSE s.object = ANY (r.crossings) END
        LEFT JOIN LATERAL (
            SELECT max(a.happened) AS at FROM (
                SELECT DISTINCT ON (c.place) c.happened FROM lianyun.claim c
                WHERE c.object = h.train AND c.milestone = 301 AND c.part = 0 AND NOT c.dead AND c.place IN (s.near, s.itself)
                ORDER BY c.place, c.published DESC, c.event_hi DESC, c.event_lo DESC
            ) AS a WHERE a.happened >= h.latest[1]
        ) AS e ON true
        WHERE h.latest[5] NOT IN (302, 304, 306)
          AND NOT EXISTS (SELECT FROM lianyun.claim c WHERE c.object = h.train AND c.place = s.far AND c.part <> 0 AND NOT c.dead)
          AND NOT (n.hours = 0 AND h.latest[5] = 300)
          -- So does one that all its boxes have passed: the train took them over there.
          AND (s.near = h.latest[6] OR NOT EXISTS (SELECT FROM cargo c WHERE c.train = h.train) OR EXISTS (
              SELECT FROM cargo c WHERE c.train = h.train AND NOT EXISTS (
                  SELECT FROM lianyun.claim m
                  WHERE m.object = c.box AND m.part = 1 AND NOT m.dead AND m.happened <= h.latest[1]
                    AND (m.place IN (s.far, s.itself) OR m.milestone IN (302, 304, 306) AND m.place = s.near))))
        ORDER BY h.train, n.hours, s.crossing
    ), stands AS (
        SELECT * FROM over
        UNION ALL
        SELECT c.train, c.crossing, c.near, CASE WHEN c.near = c.latest[6] THEN 'QUEUED' ELSE 'DUE' END,
               CASE WHEN c.near <> c.latest[6] THEN coalesce(c.said, c.reckoned) END,
               c.near <> c.latest[6] AND c.said IS NOT NULL
        FROM coming c
        WHERE c.near = c.latest[6] OR coalesce(c.said, c.reckoned) BETWEEN now - 12 * hour AND now + 12 * hour
    ), moved AS (
        -- Lists of what was handed over often name boxes and no train: queued, while most of its boxes have gone on, is over.
        SELECT t.train, count(*) AS boxes,
               count(*) FILTER (WHERE m[1] > (h.latest)[1] AND (m[5] IN (302, 304, 306) OR m[6] <> s.near)) AS gone,
               max(m[1]) FILTER (WHERE m[1] > (h.latest)[1] AND m[5] IN (302, 304, 306)
                                 AND m[6] IN (s.near, s.far, s.itself)) AS over_at
        FROM stands t
        JOIN heard h ON h.train = t.train
        JOIN lianyun.reference_side s ON s.crossing = t.crossing AND s.near = t.near
        JOIN carried k ON k.train = t.train
        CROSS JOIN LATERAL unnest(k.consignments) AS n (cons)
        JOIN LATERAL (SELECT d.movement AS m FROM lianyun.head d WHERE d.cons = n.cons AND d.movement IS NOT NULL) AS d ON true
        WHERE t.phase = 'QUEUED'
        GROUP BY t.train
    ), shown AS MATERIALIZED (
        SELECT t.train, t.crossing, t.near, CASE WHEN g.gone * 2 > g.boxes THEN 'HANDED_OVER' ELSE t.phase END AS phase,
               t.expected, t.announced
        FROM stands t LEFT JOIN moved g ON g.train = t.train
        WHERE g.train IS NULL OR g.gone * 2 <= g.boxes OR now - g.over_at <= 12 * hour
    ), facts AS MATERIALIZED (
        SELECT n.cons,
               bool_or(m.milestone IN (1200, 1205) AND m.part = 2) AS released,
               bool_or(m.milestone IN (1002, 1300) AND m.part = 3) AS prior,
               bool_or(m.milestone = 1400 AND m.part = 4) AS ens
        FROM (SELECT DISTINCT unnest(c.consignments) AS cons FROM cargo c JOIN shown t ON t.train = c.train) AS n
        JOIN lianyun.reach r ON r.cons = n.cons
        CROSS JOIN LATERAL unnest(r.objects, r.starts, r.untils) AS way (object, start_at, until)
        JOIN LATERAL (
            SELECT c.milestone, c.part FROM lianyun.claim c
            WHERE c.object = way.object AND c.happened >= way.start_at AND c.happened < least(way.until, now + 1)
              AND NOT c.dead AND c.part <> 0 AND (c.territorial OR c.publisher = ANY (r.engaged))
              AND c.milestone IN (1200, 1205, 1002, 1300, 1400)
            OFFSET 0
        ) AS m ON true
        GROUP BY n.cons
    ), kept AS (
        SELECT c.train, c.box, c.loading, array_to_string(array_remove(ARRAY[
                   CASE WHEN s.leaves = 'CN' AND s.enters <> 'CN' AND f.some AND NOT f.released THEN 'release' END,
                   CASE WHEN s.enters = 'EAEU' AND s.leaves <> 'EAEU' AND f.some AND NOT f.prior THEN 'prior information' END,
                   CASE WHEN s.enters = 'EU' AND s.leaves <> 'EU' AND f.some AND NOT f.ens OR x.ens THEN 'ENS' END,
                   CASE WHEN x.translation THEN 'translation' END,
                   CASE WHEN x.seal THEN 'seal' END,
                   CASE WHEN x.held THEN 'held by customs' END
               ], NULL), ', ') AS waits
        FROM cargo c
        JOIN shown t ON t.train = c.train
        JOIN lianyun.reference_side s ON s.crossing = t.crossing AND s.near = t.near
        CROSS JOIN LATERAL (
            SELECT count(n.cons) > 0 AS some, coalesce(bool_or(f.released), false) AS released,
                   coalesce(bool_or(f.prior), false) AS prior, coalesce(bool_or(f.ens), false) AS ens
            FROM unnest(c.consignments) AS n (cons) LEFT JOIN facts f ON f.cons = n.cons
        ) AS f
        CROSS JOIN LATERAL (
            SELECT bool_or(a.what = 'SEAL_BROKEN') AS seal, bool_or(a.what = 'DOCUMENT_REJECTED') AS translation,
                   bool_or(a.what = 'ENS_REFERRED') AS ens,
                   bool_or(a.what IN ('DETAINED', 'CUSTOMS_HELD', 'INSPECTION', 'DECLARATION_REJECTED')) AS held
            FROM lianyun.case_cause a
            WHERE a.cons = ANY (c.consignments)
              AND (a.about_kind <> 4
                   OR encode(substr(sha256('\x04'::bytea || convert_to(a.about, 'UTF8')), 1, 16), 'hex') = replace(c.box::text, '-', ''))
        ) AS x
    ), loaded AS (
        SELECT k.train, array_agg(k.box ORDER BY k.box) AS boxes, array_agg(k.loading ORDER BY k.box) AS loadings,
               array_agg(k.waits ORDER BY k.box) AS keeps
        FROM kept k GROUP BY k.train
    ), also AS (
        SELECT a.train, a.other, min(a.no) AS no
        FROM lianyun.train_also(
            (SELECT array_agg(k.train ORDER BY k.train, k.box) FROM kept k),
            (SELECT array_agg(k.box ORDER BY k.train, k.box) FROM kept k),
            (SELECT array_agg((h.milestone)[1] ORDER BY k.train, k.box) FROM kept k JOIN heard h ON h.train = k.train),
            120 * hour
        ) AS a
        GROUP BY a.train, a.other
    ), called AS (
        SELECT t.train,
               (SELECT lianyun.named(7, t.train, lianyun.names_in(lianyun.said(b.payload), 7))
                FROM lianyun.identity i JOIN lianyun.body b ON b.no = i.no
                -- An id is kept in two halves, each less half of their range: the first bit turned over.
                WHERE i.id = (lpad(to_hex(h.milestone[3] # (1::bigint << 63)), 16, '0')
                              || lpad(to_hex(h.milestone[4] # (1::bigint << 63)), 16, '0'))::uuid
               ) || coalesce((
                SELECT string_agg(' = ' || o.name, '' ORDER BY o.name)
                FROM also a JOIN lianyun.body b ON b.no = a.no
                CROSS JOIN LATERAL (
                    SELECT lianyun.named(7, a.other, lianyun.names_in(lianyun.said(b.payload), 7)) AS name
                ) AS o
                WHERE a.train = t.train AND lower(split_part(o.name, '/', 1)) = ANY (s.managers)
               ), '') AS name
        FROM shown t
        JOIN heard h ON h.train = t.train
        JOIN lianyun.reference_side s ON s.crossing = t.crossing AND s.near = t.near
    ), one AS (
        -- Trains of one crossing in which the same boxes stand are one train under several numbers; the latest news stands for it.
        SELECT t.*, h.milestone, h.position, l.boxes, l.loadings, l.keeps,
               row_number() OVER same AS rank,
               array_agg(c.name) OVER (same ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS names
        FROM shown t
        JOIN heard h ON h.train = t.train
        LEFT JOIN loaded l ON l.train = t.train
        LEFT JOIN called c ON c.train = t.train
        WINDOW same AS (
            PARTITION BY t.crossing, t.near, coalesce(l.boxes::text, t.train::text)
            ORDER BY (h.latest)[1] DESC, t.train DESC
        )
    )
    SELECT o.crossing, o.near, o.train, o.phase, o.expected, o.announced, o.milestone, o.position, o.boxes, o.loadings,
           o.keeps, ARRAY(
               SELECT n.name FROM unnest(o.names) WITH ORDINALITY AS a (several, "of")
               CROSS JOIN LATERAL unnest(string_to_array(a.several, ' = ')) WITH ORDINALITY AS n (name, no)
               GROUP BY n.name ORDER BY min(a."of" * 100 + n.no)
           )
    FROM one o WHERE o.rank = 1;
END
$$;
