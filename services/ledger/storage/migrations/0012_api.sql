-- The HTTP API: who may call, what was called, and what makes a repeated call harmless. Times are UTC microseconds.

-- A client acts for one registered party; a party may have several. Nothing is removed: a client is revoked.
CREATE TABLE lianyun.api_client (
    id          text    PRIMARY KEY COLLATE "C" CHECK (id ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
    party       integer NOT NULL REFERENCES lianyun.party (no),
    scopes      text[]  NOT NULL,
    purposes    text[]  NOT NULL DEFAULT '{}',   -- legal purposes that it may name (AML, SANCTIONS, COURT, SUPERVISOR)
    certificate text,                            -- SHA-256 of its certificate (base64url) where it logs in by mutual TLS
    registered  bigint  NOT NULL,
    by          text    NOT NULL,
    revoked     bigint
);
CREATE TABLE lianyun.api_client_key (
    client    text   NOT NULL COLLATE "C" REFERENCES lianyun.api_client (id),
    kid       text   NOT NULL COLLATE "C",       -- RFC 7638 thumbprint of the key
    jwk       jsonb  NOT NULL,                   -- public members only
    added     bigint NOT NULL,
    by        text   NOT NULL,
    not_after bigint,
    PRIMARY KEY (client, kid)
);

-- What may be used once: DPoP proofs and client assertions, by a digest, until they expire by themselves.
CREATE TABLE lianyun.api_proof (
    digest  bytea  PRIMARY KEY,
    expires bigint NOT NULL
);
CREATE INDEX api_proof_expires ON lianyun.api_proof (expires);

-- The answer to a request that changed something, under the key that its party gave it; in the transaction of the change.
CREATE TABLE lianyun.api_answer (
    party   text   NOT NULL COLLATE "C",
    key     text   NOT NULL COLLATE "C",
    request bytea  NOT NULL,                     -- SHA-256 of method, target and body
    status  smallint NOT NULL,
    headers jsonb  NOT NULL,
    body    bytea  NOT NULL,
    given   bigint NOT NULL,
    PRIMARY KEY (party, key)
);
CREATE INDEX api_answer_given ON lianyun.api_answer (given);

-- Keys of the API itself that its processes share: cursors and nonces are signed with them.
CREATE TABLE lianyun.api_secret (
    name  text  PRIMARY KEY,
    value bytea NOT NULL
);

-- Who read what. Rows are named at random: no number of any kind shows that a row is missing from what somebody sees.
CREATE TABLE lianyun.access_log (
    id       uuid   PRIMARY KEY DEFAULT gen_random_uuid(),
    at       bigint NOT NULL,
    client   text   NOT NULL COLLATE "C",
    party    text   NOT NULL COLLATE "C",
    bound    text   NOT NULL,                    -- thumbprint of the key or certificate that the token is bound to
    purpose  text   NOT NULL,
    method   text   NOT NULL,
    route    text   NOT NULL,                    -- the path as declared, without values
    resource text   NOT NULL,                    -- kind:reference of what was read; '' where nothing was found
    subjects text[] NOT NULL COLLATE "C",        -- the parties whose data it was
    status   smallint NOT NULL,
    request  text   NOT NULL                     -- the id that the answer carried
);
CREATE INDEX access_log_subjects ON lianyun.access_log USING gin (subjects);
CREATE INDEX access_log_at ON lianyun.access_log (at DESC, id);

-- The same for reads under a legal purpose that the subject must not learn of: another table, which no list of the API reads.
CREATE TABLE lianyun.access_log_sealed (LIKE lianyun.access_log INCLUDING ALL);

-- A sealed line is shown to two named people only: one asks and says why, another one approves, and both stay on record.
CREATE TABLE lianyun.access_log_opening (
    id       uuid   PRIMARY KEY DEFAULT gen_random_uuid(),
    asked    bigint NOT NULL,
    asked_by text   NOT NULL CHECK (asked_by <> ''),
    reason   text   NOT NULL CHECK (reason <> ''),
    since    bigint NOT NULL,                    -- the lines of [since, until)
    until    bigint NOT NULL CHECK (until > since)
);
CREATE TABLE lianyun.access_log_approval (
    opening     uuid   PRIMARY KEY REFERENCES lianyun.access_log_opening (id),
    approved    bigint NOT NULL,
    approved_by text   NOT NULL CHECK (approved_by <> ''),
    expires     bigint NOT NULL
);
CREATE TABLE lianyun.access_log_shown (
    id       uuid   PRIMARY KEY DEFAULT gen_random_uuid(),
    opening  uuid   NOT NULL REFERENCES lianyun.access_log_opening (id),
    at       bigint NOT NULL,
    shown_to text   NOT NULL,
    lines    integer NOT NULL
);

CREATE FUNCTION lianyun.access_log_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the access log is never changed or removed';
END
$$;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'access_log', 'access_log_sealed', 'access_log_opening', 'access_log_approval', 'access_log_shown'
    ] LOOP
        EXECUTE format(
            'CREATE TRIGGER final BEFORE UPDATE OR DELETE ON lianyun.%I FOR EACH ROW '
            'EXECUTE FUNCTION lianyun.access_log_is_final()', name);
        EXECUTE format(
            'CREATE TRIGGER final_as_a_whole BEFORE TRUNCATE ON lianyun.%I FOR EACH STATEMENT '
            'EXECUTE FUNCTION lianyun.access_log_is_final()', name);
    END LOOP;
END
$$;

CREATE FUNCTION lianyun.approved_by_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT o.asked_by FROM lianyun.access_log_opening o WHERE o.id = NEW.opening) = NEW.approved_by THEN
        RAISE EXCEPTION 'whoever asked for sealed lines cannot approve that: it takes a second person';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER by_another BEFORE INSERT ON lianyun.access_log_approval
    FOR EACH ROW EXECUTE FUNCTION lianyun.approved_by_another();

-- Where the roles of a secured deployment exist: the API and workers add lines and never change them; readers see none.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_worker') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON lianyun.access_log, lianyun.access_log_sealed FROM lianyun_worker;
        REVOKE SELECT ON lianyun.access_log_sealed FROM lianyun_worker;
        REVOKE ALL ON lianyun.access_log_opening, lianyun.access_log_approval, lianyun.access_log_shown
            FROM lianyun_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.access_log, lianyun.access_log_sealed, lianyun.access_log_opening,
            lianyun.access_log_approval, lianyun.access_log_shown, lianyun.api_secret, lianyun.api_answer,
            lianyun.api_proof FROM lianyun_reader;
    END IF;
END
$$;
