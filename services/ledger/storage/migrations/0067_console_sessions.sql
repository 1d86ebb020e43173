-- Sign-ins under way and sessions of the console. Keys are SHA-256 of what the browser holds, so whoever reads them holds no session.
-- Times are UTC microseconds.
CREATE TABLE lianyun.console_sign_in (
    state     bytea  PRIMARY KEY,
    browser   bytea  NOT NULL,               -- of the cookie of the browser that began it
    nonce     text   NOT NULL,
    verifier  text   NOT NULL,               -- of the code challenge (RFC 7636)
    return_to text   NOT NULL,               -- a path of this site
    expires   bigint NOT NULL
);
CREATE INDEX console_sign_in_expires ON lianyun.console_sign_in (expires);
CREATE TABLE lianyun.console_session (
    digest  bytea  PRIMARY KEY,
    person  uuid   NOT NULL REFERENCES lianyun.person (id),
    begun   bigint NOT NULL,
    seen    bigint NOT NULL,                 -- to about a minute
    sid     text   NOT NULL COLLATE "C",     -- the session at the issuer; "" where it names none
    token   text   NOT NULL                  -- the ID token: the hint at sign-out
) WITH (fillfactor = 80);
CREATE INDEX console_session_person ON lianyun.console_session (person);
CREATE INDEX console_session_seen ON lianyun.console_session (seen);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_worker') THEN
        REVOKE ALL ON lianyun.console_sign_in, lianyun.console_session FROM lianyun_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.console_sign_in, lianyun.console_session FROM lianyun_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_pages') THEN
        GRANT SELECT, INSERT, DELETE ON lianyun.console_sign_in TO lianyun_pages;
        GRANT SELECT, INSERT, UPDATE, DELETE ON lianyun.console_session TO lianyun_pages;
    END IF;
END
$$;
