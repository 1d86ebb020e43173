"""Share links: a consignment shown to whoever holds a link, in chosen fields, until a moment.

A token has 192 random bits and is shown once; only its SHA-256 is stored. A link gives at most what its party may see as a party to the
transport at the moment of opening; what a bank sees by a consent or pledge is bound to its purpose and is not handed on. Each
opening is a line of the access log under the client ``share:<id>``.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.rows import tuple_row

from services.api.access.matrix import Field
from services.ledger.audit_trail.entries import enter
from services.pages import statement

Session = Connection[Any]
SHAREABLE = (
    Field.MOVEMENT,
    Field.IDS,
    Field.DECLARATION_STATUS,
    Field.INSPECTION,
    Field.GOODS,
    Field.INVOICE,
)
"""What a link may show; the movement it always does. Credit, financing, numbers of declarations and people it never does."""
DAY = 86_400_000_000
LONGEST = 366 * DAY
LABEL = 80
MOST = 200
"""Links in a list, and of each the newest 50 openings."""
_BYTES = 24


class ShareError(Exception):
    """A link that cannot be made so; the text says why, for an operator."""


@dataclass(frozen=True, slots=True)
class ShareLink:
    """A link as its owner sees it; times in UTC microseconds. ``opened`` counts its openings, ``openings`` are the newest of them."""

    id: str
    consignment: bytes
    reference: str
    party: str
    made_by: str
    fields: frozenset[Field]
    label: str
    made: int
    expires: int
    ended: int | None
    opened: int = 0
    openings: Sequence[int] = ()

    @property
    def client(self) -> str:
        """Its name in the access log."""
        return client_of(self.id)

    def works(self, now: int) -> bool:
        """Whether it opens at ``now``."""
        return self.ended is None and now < self.expires


def client_of(id_: str) -> str:
    """The name of the link ``id_`` in the access log."""
    return f"share:{id_}"


def digest_of(token: str) -> bytes:
    """By what a token is found."""
    return hashlib.sha256(token.encode()).digest()


def make(
    session: Session,
    *,
    consignment: bytes,
    reference: str,
    party: str,
    made_by: str,
    fields: Collection[Field],
    now: int,
    expires: int,
    label: str = "",
) -> tuple[str, str]:
    """Make a link, in the caller's transaction; its id and its token, which is nowhere else. Whether the party may see the
    consignment, the caller has found out. ShareError for fields, a time or a label that cannot be.
    """
    chosen = {Field.MOVEMENT, *fields}
    if not chosen <= set(SHAREABLE):
        wrong = ", ".join(sorted(chosen - set(SHAREABLE)))
        raise ShareError(f"{wrong}: a link shows {', '.join(SHAREABLE)}")
    if not now < expires <= now + LONGEST:
        raise ShareError("a link ends after now and within 366 days")
    if len(label) > LABEL:
        raise ShareError(f"a label has at most {LABEL} characters")
    id_, token = str(uuid4()), secrets.token_urlsafe(_BYTES)
    digest = digest_of(token)
    row: dict[str, Any] = {
        "id": id_,
        "digest": digest,
        "consignment": UUID(bytes=consignment),
        "reference": reference,
        "party": party,
        "made_by": made_by,
        "fields": sorted(chosen),
        "label": label,
        "made": now,
        "expires": expires,
    }
    session.execute(statement("make_link"), row)
    entered = {**row, "digest": digest.hex(), "consignment": str(row["consignment"]), "ended": None}
    del entered["id"]
    enter(session, "share_link", id_, entered)
    return id_, token


def find(session: Session, token: str) -> ShareLink | None:
    """The link of a token, whether it works or not; None where there is none."""
    rows = _rows(session, "link_of", {"digest": digest_of(token)})
    return _link(rows[0]) if rows else None


def by_id(session: Session, id_: str) -> ShareLink | None:
    """The link with that id, whether it works or not."""
    rows = _rows(session, "link_by_id", {"id": id_})
    return _link(rows[0]) if rows else None


def links_of(session: Session, party: str, reference: str | None = None) -> list[ShareLink]:
    """The links that were made for ``party`` ("": for anybody), the newest first, with how often each was opened."""
    return [
        _link(row)
        for row in _rows(session, "links_of_party", {"party": party, "reference": reference, "most": MOST})
    ]


def end(session: Session, id_: str, party: str, now: int) -> bool:
    """Revoke the link ``id_`` of ``party`` ("": of anybody); False where it has none that still works. Takes effect with the commit."""
    try:
        given = UUID(id_)
    except ValueError:
        return False
    if not _rows(session, "end_link", {"id": str(given), "party": party, "at": now}):
        return False
    enter(session, "share_link", str(given), {"ended": now})
    return True


def openings(session: Session, id_: str, limit: int = 200) -> list[int]:
    """When the link was opened, the newest first."""
    return [row[0] for row in _rows(session, "link_openings", {"client": client_of(id_), "limit": limit})]


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    return session.cursor(row_factory=tuple_row).execute(statement(name), parameters).fetchall()


def _link(row: Sequence[Any]) -> ShareLink:
    id_, consignment, reference, party, made_by, fields, *rest = row
    return ShareLink(id_, consignment, reference, party, made_by, frozenset(map(Field, fields)), *rest)
