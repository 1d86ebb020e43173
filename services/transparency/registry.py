"""The signed registry beside the log: what ``/registry`` answers, and the registry derived again from it and from the entries.

Nothing of the answer has to be believed: each statement is signed, and its entry in the log commits to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from services.ledger.audit_trail.digests import change_text
from services.ledger.registry.events import Event, RecordedEvent
from services.ledger.registry.registry import RegistryError
from services.ledger.registry.signed import Chain, Genesis, Root, SignedStatement, Statement
from services.ledger.registry.trust import stored_events
from services.ledger.storage.session import Session
from services.transparency import statement
from services.transparency.domain.encoding import Malformed, binary, spelled
from services.transparency.domain.entry import Document, Entry
from services.transparency.store.sources import register_document

REGISTER = "registry_statement"
EVENTS = "registry_event"


class _Served(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ServedStatement(_Served):
    """A statement, the number of its entry in the log, and salt and number in the audit trail, over which that entry is made."""

    entry: int
    number: int
    salt: str
    statement: str
    signatures: tuple[str, ...]


class ServedEvent(_Served):
    """A change from before the first statement, which takes it over."""

    version: int
    at: int
    event: Event


class ServedRegistry(_Served):
    """The answer of ``/registry``: the statements that have joined the log, in order, and the events that the first one takes over."""

    format: Literal["lianyun-registry-v1"] = "lianyun-registry-v1"
    taken_over: tuple[ServedEvent, ...] = ()
    statements: tuple[ServedStatement, ...] = ()

    @classmethod
    def read(cls, session: Session) -> Self:
        """What there is in the database."""
        rows = session.execute(statement("registry_statements")).fetchall()
        found = tuple(
            ServedStatement(
                entry=index,
                number=number,
                salt=spelled(bytes(salt or b"")),
                statement=text,
                signatures=tuple(signatures),
            )
            for number, text, signatures, index, salt in rows
        )
        first = Statement.parse(found[0].statement).change if found else None
        upto = first.version if isinstance(first, Genesis) else 0
        events = (
            ServedEvent(version=each.version, at=each.at, event=each.event)
            for each in stored_events(session, upto=upto)
        )
        return cls(taken_over=tuple(events), statements=found)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """The answer; Malformed where it is none."""
        try:
            return cls.model_validate_json(raw)
        except ValidationError as problem:
            raise Malformed(f"this is no registry: {problem.errors()[0]['msg']}") from None

    @property
    def raw(self) -> bytes:
        """The answer as JSON."""
        return self.model_dump_json(exclude_none=True).encode()


class Derived(NamedTuple):
    """The registry as far as it is good, and what is wrong with what follows ("": nothing)."""

    chain: Chain
    fault: str = ""


def derived(root: Root, served: ServedRegistry, entries: Mapping[int, Entry]) -> Derived:
    """The registry from the root on, by what is served and the ``entries`` of the log that carry statements, by number.

    Each entry has its statement, that statement is what the entry commits to, and its signatures lead to the root.
    """
    taken = tuple(RecordedEvent(each.version, each.at, "", each.event) for each in served.taken_over)
    known = {each.entry: each for each in served.statements}
    chain = Chain(root)
    for index in sorted(entries):
        found = known.get(index)
        if found is None:
            return Derived(chain, f"entry {index} carries a statement on the registry that is not served")
        signed = SignedStatement(found.statement, found.signatures)
        try:
            after = chain.extended(signed, lambda version: taken[:version])
            entry = entries[index]
            if not entry.covers(_document(found, signed, after, entry)):
                raise RegistryError("it is not the statement that is served")
        except (RegistryError, Malformed) as problem:
            return Derived(chain, f"entry {index}, statement {chain.number + 1} on the registry: {problem}")
        chain = after
    return Derived(chain)


def _document(found: ServedStatement, signed: SignedStatement, after: Chain, entry: Entry) -> Document:
    change = change_text(signed.entry(after.registry.version))
    salt = binary(found.salt, "the salt")
    return register_document(REGISTER, found.number, str(after.number), change, salt, entry.at)


def register_of(entry: Entry) -> str:
    """The register that an entry is a change of, "" where it does not say so."""
    name, _, number = entry.place.partition(" ")
    return name if number else ""
