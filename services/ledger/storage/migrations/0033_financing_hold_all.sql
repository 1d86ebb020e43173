-- deploy: after
-- What locked one request on its own, for processes of the release before; lianyun.financing_hold_group has taken its place.
DROP FUNCTION IF EXISTS lianyun.financing_hold_all(
    uuid[], smallint[], uuid[], uuid, uuid[], text[], bigint[], uuid[], boolean, text, text, uuid
);
