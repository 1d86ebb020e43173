"""The trade dataset: what a shipper states once of a trade, in versions that name the one before by its digest.

Lines keep their ids through every version, so that an amendment says which goods it is of. Parties are named by number; natural persons have
no place in it. Masses and quantities are exact to 10^-6, amounts as written.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, cast

import orjson

from services.trade.domain.paper import ChargeKind, ReferenceKind, Role
from services.trade.domain.values import FINEST, Code, Unreadable, number


@dataclass(frozen=True, slots=True)
class DatasetParty:
    """A legal person by its registered number: the scheme (USCC, INN, EORI ...) and the number; its name beside it."""

    role: Role
    scheme: str
    number: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class DatasetLine:
    """One line of goods under its lasting ``id``. ``unit`` is a code of Recommendation 20; masses are kilograms."""

    id: str
    description: str
    code: Code
    origin: str
    quantity: Decimal
    unit: str
    price: Decimal
    amount: Decimal
    gross: Decimal | None = None
    net: Decimal | None = None
    packages: int | None = None


@dataclass(frozen=True, slots=True)
class DatasetCharge:
    """A charge beside the goods, in the currency of the dataset; a discount is one, above zero."""

    kind: ChargeKind
    amount: Decimal


@dataclass(frozen=True, slots=True)
class DatasetPaper:
    """A paper of the trade by kind, number and day."""

    kind: ReferenceKind
    number: str
    day: date | None = None


@dataclass(frozen=True)
class Dataset:
    """One version of a trade's data. ``previous`` is the digest of the version before, "" for the first.

    Raises Unreadable where it contradicts its own form: ids that repeat, a first version with a predecessor, values too fine.
    """

    reference: str
    version: int
    previous: str
    currency: str
    terms: str
    terms_place: str
    parties: tuple[DatasetParty, ...]
    lines: tuple[DatasetLine, ...]
    charges: tuple[DatasetCharge, ...] = ()
    package_level: str = ""
    boxes: tuple[str, ...] = ()
    papers: tuple[DatasetPaper, ...] = ()

    def __post_init__(self) -> None:
        if self.version < 1 or (self.version == 1) != (not self.previous):
            raise Unreadable(
                f"version {self.version} {'names' if self.previous else 'names no'} version before it",
                "give the first version the number 1 and no digest, each other one the digest of the one before",
            )
        ids = [line.id for line in self.lines]
        twice = next((id for id in ids if ids.count(id) > 1), None)
        if twice is not None or not all(ids):
            raise Unreadable(
                f"the line id {twice or ''!r} is empty or stands twice", "give each line an id that lasts"
            )
        for line in self.lines:
            for value in (line.quantity, line.gross, line.net):
                exponent = Decimal(0) if value is None else value.normalize()
                if -int(exponent.as_tuple().exponent) > FINEST:
                    raise Unreadable(
                        f"{value} of line {line.id} is too fine", f"round it to {FINEST} decimals"
                    )

    @cached_property
    def form(self) -> dict[str, Any]:
        """The version as JSON (``schemas.events.trade.TradeData``): numbers with decimals as text without needless zeros, only what is stated."""
        return cast("dict[str, Any]", plain(asdict(self)))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of ``form`` in UTF-8 without blanks, its keys sorted."""
        return hashlib.sha256(orjson.dumps(self.form, option=orjson.OPT_SORT_KEYS)).hexdigest()


def plain(value: Any) -> Any:
    """``value`` as JSON in the one form of trade data: numbers with decimals and days as text, without members that say nothing."""
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {
            name: shown
            for name, member in value.items()
            if (shown := plain(member)) is not None and shown != "" and shown != []
        }
    return [plain(member) for member in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True)
class Lineage:
    """How the versions of one trade hang together, whatever the order in which they came; digests throughout.

    ``heads``: versions that no other names as the one before; more than one are a fork. ``forks``: versions that several name.
    ``gaps``: digests that are named and not there. ``misnumbered``: versions whose number does not follow the one before.
    """

    heads: tuple[str, ...]
    forks: tuple[str, ...]
    gaps: tuple[str, ...]
    misnumbered: tuple[str, ...]

    @property
    def current(self) -> str | None:
        """The one head of an unbroken line; None where people have to say which version counts."""
        whole = len(self.heads) == 1 and not (self.forks or self.gaps or self.misnumbered)
        return self.heads[0] if whole else None


def lineage(versions: Iterable[Dataset]) -> Lineage:
    """The lineage of ``versions`` of one trade; the same version twice is one."""
    known = {each.digest: each for each in versions}
    successors: dict[str, list[str]] = defaultdict(list)
    for digest, each in known.items():
        successors[each.previous].append(digest)
    return Lineage(
        tuple(sorted(digest for digest in known if digest not in successors)),
        tuple(sorted(digest for digest, after in successors.items() if len(after) > 1)),
        tuple(sorted(digest for digest in successors if digest and digest not in known)),
        tuple(
            sorted(
                digest
                for digest, each in known.items()
                if each.previous in known and each.version != known[each.previous].version + 1
            )
        ),
    )


@dataclass(frozen=True, slots=True)
class Change:
    """A value that differs between two versions: its path, lines by their ids; None where one of them does not state it."""

    path: str
    before: Any
    after: Any


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """What differs between two versions in their one JSON form, or in parts of it; numbers, digests and order of versions are no difference."""
    return tuple(_changes(_by_key(before), _by_key(after), ""))


_KEYED: Final = {
    "lines": ("id",),
    "parties": ("role", "scheme"),
    "papers": ("kind", "number"),
    "charges": ("kind",),
}


def _by_key(form: Mapping[str, Any]) -> dict[str, Any]:
    """The form with its lists as objects: of lines by id, of parties by role and scheme; of several under one key all are there."""
    found: dict[str, Any] = {}
    for name, value in form.items():
        if name in _KEYED:
            members: dict[str, Any] = defaultdict(list)
            for each in value:
                members["/".join(str(each[key]) for key in _KEYED[name])].append(each)
            found[name] = {key: same[0] if len(same) == 1 else same for key, same in members.items()}
        elif name not in ("version", "previous"):
            found[name] = value
    return found


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], at: str) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        one, other = before.get(name), after.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _changes(one, other, f"{at}/{name}")
        elif one != other:
            yield Change(f"{at}/{name}", one, other)
