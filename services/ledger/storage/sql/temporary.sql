-- What a transaction hands from one statement to the next without a round trip; empty again at its end.
CREATE TEMPORARY TABLE IF NOT EXISTS hit (
    cons        uuid    NOT NULL,
    revised     boolean NOT NULL,   -- fold the head from all its claims: something other than a new claim changed
    no          bigint,
    happened    bigint,
    published   bigint,
    event_hi    bigint,
    event_lo    bigint,
    slot        bigint,
    place       bigint,
    publisher   bigint,
    object      uuid,
    episode     smallint,
    kind        smallint,
    milestone   smallint,
    part        smallint,
    territorial boolean
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS fresh_reach (
    cons    uuid     NOT NULL,
    founded boolean  NOT NULL,
    engaged bigint[] NOT NULL,
    objects uuid[]   NOT NULL,
    starts  bigint[] NOT NULL,
    untils  bigint[] NOT NULL,
    held    uuid[]   NOT NULL,
    parts   uuid[]   NOT NULL
) ON COMMIT DELETE ROWS
