"""What two databases have in common if nothing was lost on the way: all of the state but the numbers of arrival, and the schema."""

from __future__ import annotations

import re

import psycopg

_STATE = {
    "heads": "SELECT to_jsonb(t)::text FROM lianyun.head t",
    "trains": "SELECT to_jsonb(t)::text FROM lianyun.train_head t",
    "claims": "SELECT (to_jsonb(t) - 'no')::text FROM lianyun.claim t",
    # Where a dead link would end depends on what was known when it died; it is derived again when it revives.
    "links": "SELECT (to_jsonb(t) - 'no' - CASE WHEN t.dead THEN 'until' ELSE '' END)::text FROM lianyun.link t",
    "foundings": "SELECT (to_jsonb(t) - 'no')::text FROM lianyun.founding t",
    "groups": "SELECT to_jsonb(t)::text FROM lianyun.canonical t",
    "dead": "SELECT to_jsonb(t)::text FROM lianyun.dead t",
    "identities": "SELECT (to_jsonb(t) - 'no')::text FROM lianyun.identity t",
    "variants": "SELECT (to_jsonb(t) - 'no')::text FROM lianyun.variant t",
    "bodies": "SELECT encode(t.id, 'hex') || md5(t.payload) || md5(t.headers) FROM (SELECT uuid_send(id) AS id, payload, headers"
    " FROM lianyun.body) t",
    # Whose message is ahead of the clock is known by its signature; releases before named the topic.
    "letters": "SELECT concat_ws(' ', CASE WHEN t.reason <> 'CLOCK_SKEW' THEN t.publisher END, t.reason, t.state) FROM lianyun.dead_letter t",
}
_SCHEMA = {
    "tables": "SELECT concat_ws(' ', c.relkind, c.oid::regclass, c.reloptions, c.relacl,"
    " (SELECT array_agg(a.attname || coalesce(' ' || a.attacl::text, '') ORDER BY a.attnum)"
    " FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT c.relispartition AND {}",
    "columns": "SELECT concat_ws(' ', table_schema, table_name, column_name, data_type, collation_name, is_nullable, is_identity,"
    " column_default)"
    " FROM information_schema.columns JOIN pg_class c ON c.oid = format('%I.%I', table_schema, table_name)::regclass"
    " WHERE NOT c.relispartition AND {}",
    "indexes": "SELECT i.indexdef FROM pg_indexes i JOIN pg_class c ON c.oid = format('%I.%I', i.schemaname, i.tablename)::regclass"
    " WHERE NOT c.relispartition AND {}",
    "views": "SELECT concat_ws(' ', schemaname, viewname, definition) FROM pg_views WHERE {}",
    "functions": "SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
    " WHERE p.prokind = 'f' AND {}",
    "constraints": "SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(o.oid)) FROM pg_constraint o"
    " JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT c.relispartition AND {}",
    "triggers": "SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND {}",
}
_GENERATION = re.compile(r"\bg\d+\b")
_OF = {"columns": "table_schema", "indexes": "i.schemaname", "views": "schemaname"}


def state(dsn: str) -> dict[str, list[str]]:
    """All that is known, in an order that does not depend on who came first."""
    return _told(dsn, _STATE)


def schema(dsn: str) -> dict[str, list[str]]:
    """What there is of tables, views, indexes, functions and rules; the partitions of bodies apart, which follow the events.

    Tables of all generations are told as those of one: they are alike, however many there are.
    """
    ours = "{} NOT IN ('information_schema', 'public') AND {} NOT LIKE 'pg\\_%'"
    asked = {}
    for name, query in _SCHEMA.items():
        column = _OF.get(name, "n.nspname")
        asked[name] = query.replace("{}", ours.replace("{}", column))
    return {
        name: sorted({_GENERATION.sub("g", text) for text in texts})
        for name, texts in _told(dsn, asked).items()
    }


def _told(dsn: str, asked: dict[str, str]) -> dict[str, list[str]]:
    with psycopg.connect(dsn) as session:
        return {
            name: sorted(text for (text,) in session.execute(query.encode())) for name, query in asked.items()
        }
