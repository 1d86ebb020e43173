-- A claim for the price of goods concerns every other claim on the same goods, whatever its invoice is called: reservations of claims
-- find who holds an interest in the same goods, as those of goods do. What a financing was reserved on is read also where its founding
-- is withdrawn by now: steps ask whether the goods are still named.

-- Who holds, or held, an interest in consignments that any box, note or declaration of the asked ones, or a named thing, ever led
-- to; dead links and links of any time are walked as well, because the core judges which of them count, and which interests meet. Ended
-- ones only with "past".
CREATE OR REPLACE FUNCTION lianyun.financing_near(
    asked uuid[], named uuid[], past boolean, OUT cargo uuid[], OUT financings uuid[], OUT names uuid[]
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    WITH RECURSIVE up (id, kind) AS (
        SELECT m.id, 0::smallint FROM unnest(lianyun.financing_same(asked)) AS m (id)
        UNION
        SELECT l.left_id, l.kind
        FROM up u JOIN lianyun.link l ON l.right_id = u.id
        WHERE l.kind IN (1, 2, 3, 4, 5, 10)
    )
    SELECT ARRAY(SELECT u.id FROM up u WHERE u.kind NOT IN (0, 3) UNION SELECT unnest(named) ORDER BY 1) INTO names;
    WITH RECURSIVE down (id, kind) AS (
        SELECT n.id, 0::smallint FROM unnest(names) AS n (id)
        UNION
        SELECT l.right_id, l.right_kind
        FROM down d JOIN lianyun.link l ON l.left_id = d.id
        WHERE d.kind <> 1 AND l.kind IN (1, 2, 3, 4, 5, 10)
    ), reached (id) AS (
        SELECT unnest(lianyun.financing_same(asked || ARRAY(SELECT d.id FROM down d WHERE d.kind = 1)))
    )
    SELECT coalesce(array_agg(DISTINCT c.consignment ORDER BY c.consignment), '{}'),
           coalesce(array_agg(DISTINCT c.financing ORDER BY c.financing), '{}')
    INTO cargo, financings
    FROM reached r
    JOIN lianyun.financing_cargo c ON c.consignment = r.id
    JOIN lianyun.financing_hold h ON h.financing = c.financing
    WHERE past OR NOT h.ended;
END
$$;

-- That of each request, without its own financing, and the consignments of its own; of others nothing where it does not concern them, or
-- where it pledges a claim: that names no consignments, and its own financing has no release block.
CREATE OR REPLACE FUNCTION lianyun.financing_arounds(
    scopes lianyun.financing_scoped[], named text[], own text[], nearby boolean[]
) RETURNS lianyun.financing_around[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found lianyun.financing_around[] := '{}';
    scope lianyun.financing_scoped;
    near record;
    reserved uuid[];
BEGIN
    FOREACH scope IN ARRAY scopes LOOP
        reserved := ARRAY(
            SELECT c.consignment FROM lianyun.financing_cargo c WHERE c.financing = own[scope.ask]::uuid ORDER BY c.consignment
        );
        IF nearby[scope.ask] AND (named[scope.ask]::uuid[] <> '{}' OR NOT EXISTS (
            SELECT FROM lianyun.financing_hold h WHERE h.financing = own[scope.ask]::uuid AND NOT h.blocks
        )) THEN
            SELECT * INTO near FROM lianyun.financing_near(scope.consignments, named[scope.ask]::uuid[], false);
            found := found || ROW(
                scope.ask, near.cargo || reserved, array_remove(near.financings, own[scope.ask]::uuid), near.names
            )::lianyun.financing_around;
        ELSE
            found := found || ROW(scope.ask, reserved, '{}', '{}')::lianyun.financing_around;
        END IF;
    END LOOP;
    RETURN found;
END
$$;
