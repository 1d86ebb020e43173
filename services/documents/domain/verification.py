"""Cross-verification: which signed events support each field of a document, which contradict it, and where none says anything.

What events state changes while facts arrive, so it is computed on read and is no part of the document's digest.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from services.documents.domain.document import DocumentField, Value
from services.domain.facts import Assurance, EventId


class Support(StrEnum):
    """What signed events say to a field. DISPUTED: some support it and others contradict it."""

    SUPPORTED = "SUPPORTED"
    CONTRADICTED = "CONTRADICTED"
    DISPUTED = "DISPUTED"
    NOT_STATED = "NOT_STATED"


class Stated(NamedTuple):
    """What one live signed event states of a field's subject, and how well its publisher is established."""

    name: str
    value: Value
    event: EventId
    publisher: str
    assurance: Assurance


class VerifiedField(NamedTuple):
    """A field with the statements that support and contradict it, in the order of their events."""

    field: DocumentField
    supported_by: tuple[Stated, ...]
    contradicted_by: tuple[Stated, ...]

    @property
    def support(self) -> Support:
        """The two taken together."""
        if self.supported_by:
            return Support.DISPUTED if self.contradicted_by else Support.SUPPORTED
        return Support.CONTRADICTED if self.contradicted_by else Support.NOT_STATED


def verified(fields: Iterable[DocumentField], stated: Iterable[Stated]) -> tuple[VerifiedField, ...]:
    """Each field against ``stated``, whatever order it comes in. Lists are compared as sets: what several events list together counts as listed."""
    by_name: dict[str, list[Stated]] = {}
    for each in sorted(set(stated), key=lambda s: (s.event, repr(s.value))):
        by_name.setdefault(each.name, []).append(each)
    return tuple(_verified(field, by_name.get(field.name, ())) for field in fields)


def _verified(field: DocumentField, stated: Iterable[Stated]) -> VerifiedField:
    known = tuple(stated)
    if not isinstance(field.value, tuple):
        agree = tuple(each for each in known if each.value == field.value)
        return VerifiedField(field, agree, tuple(each for each in known if each.value != field.value))
    listed = frozenset(field.value)
    named = {
        each: frozenset(each.value if isinstance(each.value, tuple) else (str(each.value),)) for each in known
    }
    everything = frozenset[str]().union(*named.values())
    # A list is whole only where each of its members is stated by somebody; what is stated and not in it contradicts it.
    agree = tuple(each for each in known if named[each] <= listed and listed <= everything)
    return VerifiedField(field, agree, tuple(each for each in known if not named[each] <= listed))


def built(stated: Iterable[Stated]) -> tuple[DocumentField, ...]:
    """The fields that shared data gives: of each name the value of who is best established, of lists all members.

    Where those differ the greatest event precedes; the difference shows in the verification.
    """
    lists: dict[str, set[str]] = {}
    single: dict[str, Stated] = {}
    for each in stated:
        if isinstance(each.value, tuple):
            lists.setdefault(each.name, set()).update(each.value)
        elif each.name not in single or _rank(each) > _rank(single[each.name]):
            single[each.name] = each
    found = [DocumentField(name, each.value) for name, each in single.items()]
    found += [DocumentField(name, tuple(sorted(values))) for name, values in lists.items()]
    return tuple(sorted(found))


def _rank(stated: Stated) -> tuple[int, EventId, str]:
    return stated.assurance, stated.event, repr(stated.value)
