-- A bank gives back a part of a security: which goods a decision gives back, and which entries are of them. What is alike where people
-- have to look ("kind features points table deals"), the review that a reservation rests on, and the bank's references of who looked.
ALTER TABLE lianyun.financing_decision
    ADD COLUMN goods     text[] NOT NULL DEFAULT '{}',
    ADD COLUMN resembles text[] NOT NULL DEFAULT '{}',
    ADD COLUMN reviewed  bigint,
    ADD COLUMN reviewers text[] NOT NULL DEFAULT '{}';

-- A keyed digest of the box, note, declaration or consignment that an entry is of; null for one of none, and of an earlier release.
ALTER TABLE lianyun.financing_entry ADD COLUMN thing uuid;
