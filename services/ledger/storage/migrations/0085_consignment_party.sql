-- deploy: before
-- The consignments in the lists of the parties engaged in them, with what lists are filtered by; made from the accepted events by the
-- follower of cases.
CREATE TABLE lianyun.consignment_party (
    party    bigint   NOT NULL,               -- the first 8 bytes of SHA-256 of the code (lianyun.term)
    cons     uuid     NOT NULL,               -- as the group is called
    opened   bigint   NOT NULL,               -- when it was founded, UTC microseconds
    phase    smallint NOT NULL,               -- of the journey; from 6 on it is delivered
    corridor text     NOT NULL COLLATE "C",   -- the crossing at China's border on the planned route; '' for none
    late     boolean  NOT NULL,
    disputed boolean  NOT NULL,
    trouble  boolean  NOT NULL,
    silent   boolean  NOT NULL,
    PRIMARY KEY (cons, party)
);
CREATE INDEX consignment_party_list ON lianyun.consignment_party (party, opened, cons);
CREATE INDEX consignment_party_corridor ON lianyun.consignment_party (party, corridor, opened, cons);
CREATE INDEX consignment_party_under_way ON lianyun.consignment_party (party, opened, cons) WHERE phase < 6;
CREATE INDEX consignment_party_attention ON lianyun.consignment_party (party, opened, cons) WHERE late OR disputed OR trouble OR silent;

-- A shipper reads what banks were given of it. Links are made over the API too.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_cases') THEN
        GRANT SELECT, INSERT, DELETE ON lianyun.consignment_party TO lianyun_cases;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_pages') THEN
        GRANT SELECT ON lianyun.credit_record TO lianyun_pages;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_api') THEN
        GRANT SELECT, INSERT ON lianyun.share_link TO lianyun_api;
        GRANT UPDATE (ended) ON lianyun.share_link TO lianyun_api;
    END IF;
END
$$;
