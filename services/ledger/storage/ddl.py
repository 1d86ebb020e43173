"""Static check of a migration's statements: locks, waits, what breaks the running release, and whether its phase allows that.

It knows the forms that this project uses and takes others as harmless; the test that migrates under running workers is decisive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from services.ledger.storage.migration import Migration, Phase

_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|;""", re.DOTALL
)
_NAME = r'((?:[\w%]+|"[^"]+")(?:\.(?:[\w%]+|"[^"]+"))*)'
_CREATED = re.compile(
    rf"CREATE (?:OR REPLACE )?(?:UNLOGGED )?(?:TABLE|VIEW|MATERIALIZED VIEW|FUNCTION|TYPE|SEQUENCE|SCHEMA)(?: IF NOT EXISTS)? {_NAME}",
    re.IGNORECASE,
)
_VERBS = re.compile(
    r"\b(CREATE|ALTER|DROP|TRUNCATE|DELETE|UPDATE|INSERT|REVOKE|LOCK|CLUSTER|VACUUM|REINDEX)\b", re.IGNORECASE
)


class Effect(NamedTuple):
    """The effect of one statement on the existing object ``on``: the lock that it takes ("" for none that blocks others).

    ``breaks`` is why the running release would fail afterwards, ``blocks`` why others wait for a time that grows with the table.
    """

    statement: str
    on: str
    lock: str
    breaks: str = ""
    blocks: str = ""


def statements(text: str) -> list[str]:
    """The statements of an SQL text without their comments, in order."""
    found: list[str] = []
    rest = ""
    at = 0
    for token in _TOKEN.finditer(text):
        rest += text[at : token.start()]
        at = token.end()
        if token[0] == ";" and not _inside_a_body(rest):
            found.append(rest.strip())
            rest = ""
        elif not token[0].startswith(("--", "/*")):
            rest += token[0]
    found.append((rest + text[at:]).strip())
    return [each for each in found if each]


def effects(text: str) -> list[Effect]:
    """The effects of a migration on objects that existed before it, statement by statement."""
    parts = [part for statement in statements(text) for part in _parts(statement)]
    own = {_plain(name[1]) for part in parts for name in _CREATED.finditer(part)}
    return [effect for part in parts if (effect := _effect(part)) is not None and not _is_own(effect.on, own)]


def _inside_a_body(text: str) -> bool:
    begun = re.search(r"\bBEGIN\s+ATOMIC\b", text, re.IGNORECASE)
    return begun is not None and not re.search(r"\bEND\s*$", text, re.IGNORECASE)


def _parts(statement: str) -> Iterator[str]:
    """A statement in one line; of a DO block each statement in it, also those in the strings that it executes."""
    line = " ".join(statement.split())
    block = re.match(r"DO (?:LANGUAGE \w+ )?\$(\w*)\$(.*)\$\1\$", line, re.IGNORECASE)
    if block is None:
        yield line
        return
    for piece in re.split(r";|\bTHEN\b|\bLOOP\b|\bBEGIN\b|\bELSE\b", block[2]):
        executed = re.match(r"\s*EXECUTE\b(.*)", piece, re.IGNORECASE)
        inner = "".join(re.findall(r"'((?:[^']|'')*)'", executed[1])) if executed else piece
        if _VERBS.match(inner.strip()):
            yield inner.strip()


def _effect(line: str) -> Effect | None:
    verb = line.split(" ", 1)[0].upper()
    match verb:
        case "CREATE":
            return _create(line)
        case "ALTER":
            return _alter(line)
        case "DROP":
            found = re.match(
                rf"DROP \w+(?: VIEW)?(?: CONCURRENTLY)?(?: IF EXISTS)? {_NAME}", line, re.IGNORECASE
            )
            return Effect(
                line,
                _plain(found[1]) if found else "",
                "ACCESS EXCLUSIVE",
                "it takes away what may be in use",
            )
        case "TRUNCATE" | "DELETE" | "UPDATE":
            found = re.match(
                rf"(?:TRUNCATE(?: TABLE)?|DELETE FROM|UPDATE)(?: ONLY)? {_NAME}", line, re.IGNORECASE
            )
            lock = "ACCESS EXCLUSIVE" if verb == "TRUNCATE" else "ROW EXCLUSIVE"
            why = "it changes rows of the release that runs, and holds them until it is through"
            return Effect(line, _plain(found[1]) if found else "", lock, why)
        case "REVOKE":
            found = re.search(
                rf" ON (?:TABLE |FUNCTION |SEQUENCE |SCHEMA )?((?:{_NAME}(?:, )?)+) FROM ",
                line,
                re.IGNORECASE,
            )
            on = found[1].replace(" ", "") if found else ""
            if "%" in on:  # of whatever a loop goes over
                return None
            return Effect(line, on.lower(), "", "it takes away a right that may be in use")
        case "LOCK" | "CLUSTER" | "VACUUM" | "REINDEX":
            if "CONCURRENTLY" in line.upper() or (verb == "VACUUM" and "FULL" not in line.upper()):
                return None
            return Effect(
                line, line.split(" ")[-1], "ACCESS EXCLUSIVE", blocks="everybody waits until it is through"
            )
    return None


def _create(line: str) -> Effect | None:
    index = re.match(
        rf"CREATE (UNIQUE )?INDEX (CONCURRENTLY )?(?:IF NOT EXISTS )?(?:\w+ )?ON (?:ONLY )?{_NAME}",
        line,
        re.IGNORECASE,
    )
    if index is not None:
        lock = "SHARE UPDATE EXCLUSIVE" if index[2] else "SHARE"
        breaks = "rows that the release that runs writes may be refused" if index[1] else ""
        slow = (
            ""
            if index[2]
            else "whoever writes waits until the index is built: build it CONCURRENTLY, outside a transaction"
        )
        return Effect(line, _plain(index[3]), lock, breaks, slow)
    trigger = re.match(rf"CREATE (?:OR REPLACE )?(?:CONSTRAINT )?TRIGGER .*? ON {_NAME}", line, re.IGNORECASE)
    if trigger is not None:
        return Effect(line, _plain(trigger[1]), "SHARE ROW EXCLUSIVE")
    partition = re.search(rf" PARTITION OF {_NAME}", line, re.IGNORECASE)
    if partition is not None:
        return Effect(line, _plain(partition[1]), "ACCESS EXCLUSIVE")
    return None


_BREAKING = (
    (r"\bRENAME\b", "it takes away a name that may be in use"),
    (r"\bSET SCHEMA\b", "it takes away a name that may be in use"),
    (r"\bDROP (?!NOT NULL)", "it takes away what may be in use"),
    (r"\bSET NOT NULL\b", "the release that runs may write nothing there"),
    (r"\bADD (?:CONSTRAINT \S+ )?(?:CHECK|UNIQUE|PRIMARY KEY|FOREIGN KEY|EXCLUDE)\b", "rows that the release that runs writes may be refused"),
    (r"\bALTER (?:COLUMN )?\S+ (?:SET DATA )?TYPE\b", "the release that runs writes and reads another type"),
    (r"\b(?:ATTACH|DETACH) PARTITION\b", "it moves rows that may be in use"),
    (r"\bDISABLE (?:TRIGGER|RULE)\b|\bROW LEVEL SECURITY\b", "it changes what the release that runs may do"),
)  # fmt: skip
_SLOW = (
    (r"\bSET NOT NULL\b", "everybody waits until all rows were looked at"),
    (r"\bALTER (?:COLUMN )?\S+ (?:SET DATA )?TYPE\b", "everybody waits until all rows were written anew"),
    (r"\bADD (?:CONSTRAINT \S+ )?(?:UNIQUE|PRIMARY KEY)\b(?! USING INDEX)", "everybody waits until the index is built"),
    (r"\bADD (?:CONSTRAINT \S+ )?(?:CHECK|FOREIGN KEY)\b(?!.*\bNOT VALID\b)", "everybody waits until all rows were looked at"),
    (r"\bADD COLUMN\b.*\b(?:SERIAL|BIGSERIAL|GENERATED|CLOCK_TIMESTAMP|RANDOM|GEN_RANDOM_UUID|NEXTVAL|PG_CURRENT_XACT_ID)\b", "everybody waits until all rows were written anew"),
)  # fmt: skip


_REPLACED = re.compile(r"DROP CONSTRAINT (\S+), ADD CONSTRAINT \1 CHECK \(\S+ IN \([^)]*\)\) NOT VALID")
"""A list of values written anew in one statement: a longer one, as the upgrade test holds, which writes with the release before."""


def _alter(line: str) -> Effect | None:
    found = re.match(
        rf"ALTER (TABLE|VIEW|FUNCTION|TYPE|SEQUENCE|SCHEMA|INDEX)(?: IF EXISTS)?(?: ONLY)? {_NAME}(.*)",
        line,
        re.IGNORECASE,
    )
    if found is None:
        return None
    on, rest = _plain(found[2]), found[3].upper()
    judged = _REPLACED.sub("", rest)
    breaks = next((why for form, why in _BREAKING if re.search(form, judged)), "")
    for added in re.findall(r"ADD COLUMN (.*?)(?=, ADD COLUMN|, ALTER|$)", rest):
        if "NOT NULL" in added and not re.search(r"\bDEFAULT\b|\bGENERATED\b|SERIAL\b", added):
            breaks = breaks or "the release that runs writes rows without that column: give it a DEFAULT"
    slow = next((why for form, why in _SLOW if re.search(form, rest)), "")
    light = re.search(r"^ SET \(|\bVALIDATE CONSTRAINT\b|\bSET STATISTICS\b", rest) is not None
    return Effect(line, on, "SHARE UPDATE EXCLUSIVE" if light else "ACCESS EXCLUSIVE", breaks, slow)


def _plain(name: str) -> str:
    return name.replace('"', "").lower()


def _is_own(on: str, own: set[str]) -> bool:
    return bool(on) and all(name in own for name in on.split(","))


MOVE = "move it to a migration that begins with `-- deploy: after`"
_CONCURRENTLY = re.compile(r"\bCONCURRENTLY\b", re.IGNORECASE)
_REPEATABLE = re.compile(
    r"\bIF (NOT )?EXISTS\b|^CREATE OR REPLACE\b|^(GRANT|REVOKE|DO|COMMENT|VALIDATE|ANALYZE)\b|\bVALIDATE CONSTRAINT\b",
    re.IGNORECASE,
)


def faults(migration: Migration) -> Iterator[str]:
    """The faults of a migration, each a sentence with its remedy; none where it may run in its phase. Pure."""
    text = migration.text.decode()
    for effect in effects(text):
        if migration.phase is Phase.BEFORE and effect.breaks:
            yield f"{migration.name} runs before the deployment, and {effect.breaks}: {shown(effect)}. To do: {MOVE}"
        if effect.blocks and not migration.alone:
            yield f"{migration.name}: {effect.blocks}: {shown(effect)}. To do: do it in steps that hold nobody up"
    for statement in statements(text):
        line = " ".join(statement.split())
        if _CONCURRENTLY.search(line) and not migration.alone:
            yield (
                f"{migration.name}: nothing is done CONCURRENTLY in a transaction: {line[:80]}. To do: begin the file with "
                f"`-- deploy: {migration.phase}, outside a transaction`, and put nothing else into it"
            )
        elif migration.alone and not _REPEATABLE.search(line):
            yield f"{migration.name} runs outside a transaction and may be run again: {line[:80]}. To do: say IF NOT EXISTS"


def shown(effect: Effect) -> str:
    """The statement, cut to 100 characters."""
    return effect.statement if len(effect.statement) <= 100 else effect.statement[:97] + "..."
