-- What dashboards show, as views of a schema of their own: who draws dashboards reads these and nothing else. What a view must not
-- show (figures of banks, what is known of a shipper, texts of cases) is in none of them.
-- The functions read as the owner and are bound when they are called: the views of the state are made anew with each generation.
SET LOCAL check_function_bodies = off;
CREATE SCHEMA dashboard;

-- What SQL has to know of the contract and of the network; written by `lianyun db migrate` from the release's own tables.
CREATE TABLE lianyun.reference (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    digest text    NOT NULL
);
CREATE TABLE lianyun.reference_milestone (
    number smallint PRIMARY KEY,
    name   text     NOT NULL
);
CREATE TABLE lianyun.reference_place (
    place  bigint PRIMARY KEY,  -- as claims carry it
    object uuid   NOT NULL,     -- as mentions carry it
    text   text   NOT NULL,
    name   text   NOT NULL
);
CREATE INDEX reference_place_object ON lianyun.reference_place (object);
-- A crossing as it is passed from one of its sides, the near one.
CREATE TABLE lianyun.reference_side (
    crossing  text     NOT NULL,
    near      bigint   NOT NULL,
    far       bigint   NOT NULL,
    itself    bigint   NOT NULL,  -- the crossing as a place
    object    uuid     NOT NULL,
    name      text     NOT NULL,
    zone      text     NOT NULL,  -- the clock of the near side
    west      boolean  NOT NULL,  -- who passes it so goes towards Europe
    leaves    text     NOT NULL,  -- customs unions
    enters    text     NOT NULL,
    managers  text[]   NOT NULL,  -- of both sides
    PRIMARY KEY (crossing, near)
);
CREATE INDEX reference_side_near ON lianyun.reference_side (near);
-- How long trains run to a side without passing a border.
CREATE TABLE lianyun.reference_run (
    place    bigint NOT NULL,
    crossing text   NOT NULL,
    near     bigint NOT NULL,
    hours    real   NOT NULL,
    PRIMARY KEY (place, crossing, near)
);

-- The moment that is shown, UTC microseconds: now, or that of the setting lianyun.as_of, for a simulated world.
CREATE FUNCTION lianyun.shown_at() RETURNS bigint LANGUAGE sql STABLE
RETURN (extract(epoch FROM coalesce(nullif(current_setting('lianyun.as_of', true), '')::timestamptz, now())) * 1000000)::bigint;

CREATE FUNCTION lianyun.moment(micros bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE
RETURN timestamptz '1970-01-01 00:00:00+00' + micros * interval '1 microsecond';

-- What an event says, a correction what it says in the place of another; {} where its text cannot be kept as jsonb (it may hold a
-- character that Postgres has not).
CREATE FUNCTION lianyun.said(payload bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    told jsonb;
BEGIN
    told := convert_from(payload, 'UTF8')::jsonb;
    RETURN coalesce(told -> 'replacement' -> 'data', told);
EXCEPTION WHEN OTHERS THEN
    RETURN '{}';
END
$$;

-- The name of an object among those that an event names, by its id; where none is recognised and there is only one, that one.
CREATE FUNCTION lianyun.named(kind integer, id uuid, candidates text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(
        (SELECT k.key FROM unnest(candidates) AS c (text)
         CROSS JOIN LATERAL (SELECT CASE WHEN kind = 7
             THEN upper(split_part(c.text, '/', 1) || '/' || split_part(c.text, '/', 2) || '/' || split_part(c.text, '/', 3))
                  || CASE WHEN split_part(c.text, '/', 4) = '' THEN '' ELSE '/' || split_part(c.text, '/', 4) END
             ELSE upper(regexp_replace(c.text, '[^A-Za-z0-9]', '', 'g')) END) AS k (key)
         WHERE encode(substr(sha256(set_byte('\x00'::bytea, 0, kind) || convert_to(k.key, 'UTF8')), 1, 16), 'hex')
               = replace(id::text, '-', '')
         LIMIT 1),
        CASE WHEN cardinality(candidates) = 1 THEN candidates[1] END,
        left(id::text, 8))
$$;

-- The trains and boxes that an event names.
CREATE FUNCTION lianyun.names_in(said jsonb, kind integer) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(DISTINCT n.text) FROM (
        SELECT o ->> 'id' AS text FROM jsonb_array_elements(
            CASE jsonb_typeof(said -> 'objects') WHEN 'array' THEN said -> 'objects' ELSE '[]' END) AS o
        WHERE o ->> 'kind' = CASE kind WHEN 7 THEN 'train' ELSE 'container' END
        UNION ALL SELECT said ->> 'train' WHERE kind = 7 AND said ? 'train'
        UNION ALL SELECT jsonb_array_elements_text(
            CASE jsonb_typeof(said -> CASE kind WHEN 7 THEN 'trains' ELSE 'containers' END) WHEN 'array'
            THEN said -> CASE kind WHEN 7 THEN 'trains' ELSE 'containers' END ELSE '[]' END)
    ) AS n WHERE n.text IS NOT NULL
$$;

-- What each train carries at a moment: boxes and consignments (as their groups are called), and the events that load the boxes.
CREATE FUNCTION lianyun.train_cargo(trains uuid[], moments bigint[])
RETURNS TABLE (train uuid, box uuid, loading bigint, consignments uuid[])
LANGUAGE sql STABLE ROWS 1000 AS $$
    WITH RECURSIVE down (train, id, kind, box, no, at) AS (
        SELECT t.train, t.train, 7::smallint, NULL::uuid, NULL::bigint, t.at FROM unnest(trains, moments) AS t (train, at)
        UNION
        SELECT d.train, l.right_id, l.right_kind, CASE WHEN l.right_kind = 4 THEN l.right_id ELSE d.box END,
               CASE WHEN l.right_kind = 4 THEN l.no ELSE d.no END, d.at
        FROM down d JOIN lianyun.link l ON l.left_id = d.id
        WHERE d.kind <> 1 AND l.kind <> 8 AND NOT l.dead AND l.start_at <= d.at AND l.until > d.at
    )
    SELECT d.train, d.box, min(d.no), array_agg(DISTINCT h.cons) FILTER (WHERE h.cons IS NOT NULL)
    FROM down d
    LEFT JOIN lianyun.canonical k ON k.cons = d.id AND d.kind = 1
    LEFT JOIN lianyun.head h ON h.cons = coalesce(k.canonical, d.id) AND d.kind = 1 AND h.founded
    WHERE d.box IS NOT NULL
    GROUP BY d.train, d.box
$$;

-- The other trains that carry boxes around a moment, and the events that say so: the same cargo under another railway's number.
CREATE FUNCTION lianyun.train_also(trains uuid[], boxes uuid[], moments bigint[], around bigint)
RETURNS TABLE (train uuid, other uuid, no bigint)
LANGUAGE sql STABLE ROWS 100 AS $$
    SELECT DISTINCT b.train, t.left_id, t.no
    FROM unnest(trains, boxes, moments) AS b (train, box, at)
    JOIN lianyun.link w ON w.right_id = b.box AND w.kind = 6 AND NOT w.dead
    JOIN lianyun.link t ON t.right_id = w.left_id AND t.kind = 7 AND NOT t.dead
    WHERE t.left_id <> b.train AND t.start_at BETWEEN b.at - around AND b.at + around
    UNION
    SELECT s.left_id, s.right_id, s.no FROM lianyun.link s
    WHERE s.left_id = ANY (trains) AND s.kind = 9 AND NOT s.dead
$$;

-- The trains of the border board at a moment: services.query.board as far as tables tell it. Milestones: 300 departed, 301 arrived,
-- 302 handed over, 304 transshipped; customs 1200 released, 1205 exit cleared, 1002 prior information, 1300 transit, 1400 ENS assessed.
CREATE FUNCTION lianyun.border_trains(now bigint) RETURNS TABLE (
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
               CASE WHEN h.position[1] > h.milestone[1] OR h.milestone IS NULL THEN h.position ELSE h.milestone END AS latest
        FROM lianyun.train_head h WHERE greatest(h.milestone[1], h.position[1]) BETWEEN now - 240 * hour AND now
    ) AS n
    WHERE NOT (n.latest[5] IN (302, 304) AND now - n.latest[1] > 12 * hour) AND (
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
               CASE WHEN h.position[1] > h.milestone[1] OR h.milestone IS NULL THEN h.position ELSE h.milestone END AS latest
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
        WHERE h.latest[5] IN (302, 304) AND now - h.latest[1] <= 12 * hour
        ORDER BY h.train,
                 EXISTS (SELECT FROM lianyun.claim c WHERE c.object = h.train AND c.place = s.near AND c.part <> 0 AND NOT c.dead
                         AND c.milestone NOT IN (302, 304)) DESC,
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
        WHERE h.latest[5] NOT IN (302, 304)
          AND NOT EXISTS (SELECT FROM lianyun.claim c WHERE c.object = h.train AND c.place = s.far AND c.part <> 0 AND NOT c.dead)
          AND NOT (n.hours = 0 AND h.latest[5] = 300)
          -- So does one that all its boxes have passed: the train took them over there.
          AND (s.near = h.latest[6] OR NOT EXISTS (SELECT FROM cargo c WHERE c.train = h.train) OR EXISTS (
              SELECT FROM cargo c WHERE c.train = h.train AND NOT EXISTS (
                  SELECT FROM lianyun.claim m
                  WHERE m.object = c.box AND m.part = 1 AND NOT m.dead AND m.happened <= h.latest[1]
                    AND (m.place IN (s.far, s.itself) OR m.milestone IN (302, 304) AND m.place = s.near))))
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
        -- Lists of what was handed over often name boxes and no train: queued, while all its boxes have gone on, is over.
        SELECT t.train, count(*) AS boxes,
               count(*) FILTER (WHERE m[1] > (h.milestone)[1] AND (m[5] IN (302, 304) OR m[6] <> s.near)) AS gone,
               max(m[1]) FILTER (WHERE m[1] > (h.milestone)[1] AND m[5] IN (302, 304)
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
        SELECT t.train, t.crossing, t.near, CASE WHEN g.gone = g.boxes THEN 'HANDED_OVER' ELSE t.phase END AS phase,
               t.expected, t.announced
        FROM stands t LEFT JOIN moved g ON g.train = t.train
        WHERE g.train IS NULL OR g.gone < g.boxes OR now - g.over_at <= 12 * hour
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
            ORDER BY greatest((h.milestone)[1], (h.position)[1]) DESC, c.name
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

-- The board as people read it; each moment on the clocks of Beijing, of the near side and of Moscow.
CREATE FUNCTION lianyun.border_board(now bigint) RETURNS TABLE (
    crossing text, crossing_name text, phase text, train text, bound text, ready bigint, boxes bigint, waits_for text,
    at timestamptz, beijing text, "local" text, moscow text, expected_by text, last_event text, last_at timestamptz,
    "position" text, position_at timestamptz, case_owner text, cases text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.crossing, s.name, t.phase, array_to_string(t.numbers, ' = '), CASE WHEN s.west THEN '去程' ELSE '回程' END,
           coalesce((SELECT count(*) FROM unnest(t.keeps) AS k (waits) WHERE k.waits = ''), 0), coalesce(cardinality(t.boxes), 0),
           (SELECT string_agg(w.what || ' ' || w.count, ', ' ORDER BY w.count DESC, w.what) FROM (
                SELECT n.what, count(*) FROM unnest(t.keeps) AS k (waits)
                CROSS JOIN LATERAL unnest(string_to_array(nullif(k.waits, ''), ', ')) AS n (what) GROUP BY n.what
            ) AS w),
           m.at, to_char(m.at AT TIME ZONE 'Asia/Shanghai', 'MM-DD HH24:MI'), to_char(m.at AT TIME ZONE s.zone, 'MM-DD HH24:MI'),
           to_char(m.at AT TIME ZONE 'Europe/Moscow', 'MM-DD HH24:MI'),
           CASE WHEN t.expected IS NULL THEN NULL WHEN t.announced THEN 'its railway' ELSE 'running time' END,
           coalesce(n.name, t.milestone[5]::text) || ' at ' || coalesce(pm.name, tm.text, '?'), lianyun.moment(t.milestone[1]),
           coalesce(pp.name, tp.text, '?'), lianyun.moment(t.position[1]), c.owner, c.cases
    FROM lianyun.border_trains(now) AS t
    JOIN lianyun.reference_side s ON s.crossing = t.crossing AND s.near = t.near
    CROSS JOIN LATERAL (SELECT lianyun.moment(coalesce(t.expected, t.milestone[1])) AS at) AS m
    LEFT JOIN lianyun.reference_milestone n ON n.number = t.milestone[5]
    LEFT JOIN lianyun.reference_place pm ON pm.place = t.milestone[6]
    LEFT JOIN lianyun.reference_place pp ON pp.place = t.position[6]
    LEFT JOIN lianyun.term tm ON tm.number = t.milestone[6]
    LEFT JOIN lianyun.term tp ON tp.number = t.position[6]
    LEFT JOIN LATERAL (
        -- The train's own first; each by when somebody has to have acted.
        SELECT (array_agg(o.owner_party || '/' || o.owner_desk ORDER BY o.about_kind <> 7, o.due)
                FILTER (WHERE o.owner_party IS NOT NULL))[1] AS owner,
               string_agg(DISTINCT o.kind, ', ') AS cases
        FROM lianyun.case_open o
        WHERE o.about_kind = 7 AND o.about = ANY (t.numbers)
           OR o.about_kind = 4 AND EXISTS (
               SELECT FROM unnest(t.boxes) AS b (id)
               WHERE encode(substr(sha256('\x04'::bytea || convert_to(o.about, 'UTF8')), 1, 16), 'hex')
                     = replace(b.id::text, '-', ''))
    ) AS c ON true
$$;

CREATE FUNCTION lianyun.border_boxes(now bigint) RETURNS TABLE (
    crossing text, phase text, train text, container text, waits_for text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.crossing, t.phase, array_to_string(t.numbers, ' = '),
           (SELECT lianyun.named(4, k.box, lianyun.names_in(lianyun.said(b.payload), 4)) FROM lianyun.body b WHERE b.no = k.no),
           k.waits
    FROM lianyun.border_trains(now) AS t
    CROSS JOIN LATERAL unnest(t.boxes, t.loadings, t.keeps) AS k (box, no, waits)
$$;

-- What restricts crossings and stations, with its end: its own, or earlier where its source lifted it.
CREATE FUNCTION lianyun.restrictions(now bigint) RETURNS TABLE (
    place text, crossing text, kind text, direction text, starts timestamptz, ends timestamptz, by text, in_force boolean,
    shown_at timestamptz
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.name, s.crossing, r.said ->> 'kind', r.said ->> 'direction', r.starts, r.ends, r.by,
           lianyun.moment(now) >= r.starts AND lianyun.moment(now) < coalesce(r.ends, 'infinity'), lianyun.moment(now)
    FROM lianyun.reference_place p
    JOIN lianyun.mention m ON m.object = p.object
    JOIN LATERAL (
        SELECT d.said, (d.said ->> 'from')::timestamptz AS starts, least((d.said ->> 'to')::timestamptz, (
                   SELECT min((lianyun.said(l.payload) ->> 'at')::timestamptz)
                   FROM lianyun.mention x JOIN lianyun.body l ON l.no = x.no
                   WHERE x.object = b.id AND NOT EXISTS (SELECT FROM lianyun.dead e WHERE e.id = l.id)
               )) AS ends, y.code AS by
        FROM lianyun.body b
        CROSS JOIN LATERAL (SELECT lianyun.said(b.payload) AS said OFFSET 0) AS d
        LEFT JOIN lianyun.party_key k ON k.key_id = lpad(to_hex(b.key_id), 16, '0')
        LEFT JOIN lianyun.party y ON y.no = k.party
        WHERE b.no = m.no AND d.said ? 'kind' AND d.said ? 'direction'
          AND NOT EXISTS (SELECT FROM lianyun.dead e WHERE e.id = b.id)
    ) AS r ON true
    LEFT JOIN LATERAL (
        -- A restricted station is shown at a crossing that it stands beside.
        SELECT min(s.crossing) AS crossing FROM lianyun.reference_side s WHERE p.place IN (s.itself, s.near)
    ) AS s ON true
$$;

CREATE FUNCTION lianyun.cases_shown() RETURNS TABLE (
    crossing text, kind text, what text, about text, place text, since timestamptz, due timestamptz, owner text,
    snoozed_until timestamptz
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.crossing, o.kind, o.what,
           (ARRAY['consignment', 'booking', 'note', 'container', 'declaration', 'wagon', 'train', 'place'])[o.about_kind]
           || CASE WHEN o.about_kind IN (4, 6, 7, 8) THEN ' ' || o.about ELSE '' END,
           o.place, lianyun.moment(o.since), lianyun.moment(o.due), o.owner_party || '/' || o.owner_desk,
           lianyun.moment(o.snoozed_until)
    FROM lianyun.case_open o
$$;

CREATE FUNCTION lianyun.partners_shown() RETURNS TABLE (
    partner text, name text, roles text, heard timestamptz, open_letters bigint, oldest_open timestamptz, key_ends timestamptz
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.code, p.name, array_to_string(p.roles, ', '), lianyun.moment(a.appended), coalesce(d.letters, 0),
           lianyun.moment(d.oldest), lianyun.moment(k.ends)
    FROM lianyun.party p
    CROSS JOIN LATERAL (
        SELECT CASE WHEN bool_or(s.not_after IS NULL) THEN NULL ELSE max(s.not_after) END AS ends, count(*) AS keys
        FROM lianyun.party_key s WHERE s.party = p.no AND s.revoked_at IS NULL
    ) AS k
    LEFT JOIN lianyun.partner_accepted a ON a.party = p.no
    LEFT JOIN (
        SELECT l.publisher, count(*) AS letters, min(l.first_append) AS oldest FROM lianyun.dead_letter l
        LEFT JOIN lianyun.identity i ON i.id = l.event
        WHERE l.state = 'OPEN' AND i.id IS NULL GROUP BY l.publisher
    ) AS d ON d.publisher = p.code
    WHERE k.keys > 0
$$;

-- One whose event was accepted in another form meanwhile is open no more.
CREATE FUNCTION lianyun.letters_shown() RETURNS TABLE (
    partner text, reason text, letters bigint, messages bigint, first timestamptz, last timestamptz, remedy text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.publisher, l.reason, count(*), sum(l.count)::bigint, lianyun.moment(min(l.first_append)),
           lianyun.moment(max(l.last_append)), (array_agg(l.remedy ORDER BY l.last_append DESC))[1]
    FROM lianyun.dead_letter l
    LEFT JOIN lianyun.identity i ON i.id = l.event
    WHERE l.state = 'OPEN' AND i.id IS NULL
    GROUP BY l.publisher, l.reason
$$;

CREATE FUNCTION lianyun.deployments() RETURNS TABLE (at timestamptz, what text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    -- The files of one release are applied together.
    SELECT max(m.applied), 'database brought to ' || max(m.name) || CASE WHEN count(*) > 1 THEN ' (' || count(*) || ' files)' ELSE '' END
    FROM lianyun.migration m GROUP BY date_trunc('minute', m.applied)
    UNION ALL
    SELECT g.since, 'state ' || g.number || ' took over' FROM lianyun.generation g WHERE g.state = 'CURRENT'
$$;

CREATE VIEW dashboard.border_train AS SELECT * FROM lianyun.border_board(lianyun.shown_at());
CREATE VIEW dashboard.border_box AS SELECT * FROM lianyun.border_boxes(lianyun.shown_at());
CREATE VIEW dashboard.restriction AS SELECT * FROM lianyun.restrictions(lianyun.shown_at());
CREATE VIEW dashboard.open_case AS SELECT * FROM lianyun.cases_shown();
CREATE VIEW dashboard.partner AS SELECT * FROM lianyun.partners_shown();
CREATE VIEW dashboard.dead_letter AS SELECT * FROM lianyun.letters_shown();
CREATE VIEW dashboard.deployment AS SELECT * FROM lianyun.deployments();

-- What reads as the owner is for those who may see the views, and for nobody else.
DO $$
DECLARE
    reads text;
BEGIN
    FOREACH reads IN ARRAY ARRAY[
        'border_trains(bigint)', 'border_board(bigint)', 'border_boxes(bigint)', 'restrictions(bigint)', 'cases_shown()',
        'partners_shown()', 'letters_shown()', 'deployments()'
    ] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION lianyun.%s FROM PUBLIC', reads);
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_dashboards') THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION lianyun.%s TO lianyun_dashboards', reads);
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_dashboards') THEN
        GRANT USAGE ON SCHEMA dashboard TO lianyun_dashboards;
        GRANT SELECT ON ALL TABLES IN SCHEMA dashboard TO lianyun_dashboards;
    END IF;
END
$$;
