-- Decisions of a bank that one person prepares and another one approves. Who prepared and who approved a decision, each as "issuer pseudonym".
ALTER TABLE lianyun.financing_decision ADD COLUMN signatories text[] NOT NULL DEFAULT '{}';

-- What was prepared. ``sealed`` is the request under a key of the platform, since documents are stored nowhere in the clear; ``state`` and
-- what follows say what would have been decided then. Times are UTC microseconds.
CREATE TABLE lianyun.financing_proposal (
    id        uuid   PRIMARY KEY,
    bank      text   NOT NULL COLLATE "C",
    financing text   NOT NULL COLLATE "C",
    action    text   NOT NULL,
    amount    bigint,
    currency  text,
    made      bigint NOT NULL,
    by_issuer text   NOT NULL,
    by_person uuid   NOT NULL,
    expires   bigint NOT NULL CHECK (expires > made),
    outcome   text   NOT NULL,
    guard     text   NOT NULL,
    state     bytea  NOT NULL,
    sealed    bytea  NOT NULL
);
CREATE INDEX financing_proposal_bank ON lianyun.financing_proposal (bank, made DESC, id);
CREATE INDEX financing_proposal_financing ON lianyun.financing_proposal (financing, made);

-- How it ended, once: approved with the decision that was taken in the same transaction, rejected, or withdrawn by who prepared it.
CREATE TABLE lianyun.financing_verdict (
    proposal  uuid   PRIMARY KEY REFERENCES lianyun.financing_proposal (id),
    verdict   text   NOT NULL CHECK (verdict IN ('APPROVED', 'REJECTED', 'WITHDRAWN')),
    at        bigint NOT NULL,
    by_issuer text   NOT NULL,
    by_person uuid   NOT NULL,
    reason    text   NOT NULL,
    decision  bigint,
    CHECK ((decision IS NOT NULL) = (verdict = 'APPROVED'))
);
CREATE UNIQUE INDEX financing_verdict_decision ON lianyun.financing_verdict (decision) WHERE decision IS NOT NULL;
INSERT INTO lianyun.audit_head (register, entries, digest)
SELECT name, 0, ''::bytea FROM unnest(ARRAY['financing_proposal', 'financing_verdict']) AS r (name);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_worker') THEN
        REVOKE ALL ON lianyun.financing_proposal, lianyun.financing_verdict FROM lianyun_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.financing_proposal, lianyun.financing_verdict FROM lianyun_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_pages') THEN
        GRANT SELECT, INSERT ON lianyun.financing_proposal, lianyun.financing_verdict TO lianyun_pages;
        -- It decides what was approved, as the API decides requests, and acknowledges alerts.
        GRANT USAGE ON lianyun.financing_number TO lianyun_pages;
        GRANT INSERT ON lianyun.financing_decision, lianyun.financing_touched, lianyun.financing_cargo,
            lianyun.financing_entry, lianyun.financing_hold, lianyun.financing_acknowledged TO lianyun_pages;
        GRANT UPDATE ON lianyun.financing_entry, lianyun.financing_hold TO lianyun_pages;
        GRANT UPDATE (since) ON lianyun.financing_version TO lianyun_pages;
        GRANT UPDATE (one) ON lianyun.registry_version TO lianyun_pages;
        GRANT INSERT ON lianyun.financing_version, lianyun.registry_version TO lianyun_pages;  -- to lock them, as the API
        GRANT INSERT ON lianyun.financing_watch TO lianyun_pages;
        GRANT SELECT, INSERT, UPDATE ON lianyun.financing_tally TO lianyun_pages;
        IF to_regclass('lianyun.head') IS NOT NULL THEN
            GRANT UPDATE (exceptions) ON lianyun.head TO lianyun_pages;  -- to lock them, as the API; later generations grant it themselves
        END IF;
    END IF;
END
$$;
