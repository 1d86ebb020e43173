-- What holds for every generation of the state lives in the schema lianyun; a generation's own tables in g<number>.

-- Texts behind the 64-bit numbers that state rows carry instead of them: places and codes of parties.
CREATE TABLE lianyun.term (
    number bigint PRIMARY KEY,   -- first 8 bytes of SHA-256 of the text, signed; 0 stands for the empty text
    text   text   NOT NULL
);

-- Findings of the platform about itself that operators must be able to look up later.
CREATE TABLE lianyun.platform_event (
    no     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind   text  NOT NULL,
    detail jsonb NOT NULL
);
