"""NCTS phase 5: the life of a transit declaration by its messages, from the declarant's 015 to the write-off (045).

Customs publish what they send under their own key. The declarant passes on the release (029) that it received: so others
see it relayed, whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from services.testbed.simulator.files.clock import local
from services.testbed.simulator.files.ncts_message import SYSTEMS, Goods, written
from services.testbed.simulator.files.published_records import (
    Fact,
    PartnerFile,
    Told,
    at,
    named,
    objects,
    only,
)
from services.testbed.simulator.reports import Message
from services.testbed.simulator.transit import HOLDER

FORMAT = "ncts"


def files(told: Told) -> Iterator[PartnerFile]:
    """Every message of which all was told once and rightly."""
    lrns = {
        dict(h.about[:1])["declaration"]: h.about[1][1]
        for h in told.kept.world.happenings
        if h.what == "customs.accepted"
    }
    for holder in HOLDER:
        yield from _of_declarant(told, holder, lrns)
    for customs in SYSTEMS:
        yield from _of_customs(told, customs, lrns)


def _of_declarant(told: Told, holder: str, lrns: Mapping[str, str]) -> Iterator[PartnerFile]:
    covers = {m.record["data"]["declaration"]: m for m in told.plain(holder, "link.declaration_covers")}
    for message in told.plain(holder, "customs.transit_lodged"):
        (declaration,) = named(message, "declaration")
        if declaration not in covers:
            continue
        link = covers[declaration]
        facts: tuple[Fact, ...] = (
            told.take(message, "classifier", "happened", "jurisdiction", "procedure", "objects"),
            told.take(link, "declaration", "notes", "from"),
        )
        goods = Goods(named(message, "container"), link.record["data"]["notes"])
        content = written("015", declaration, declaration, at(message), goods=goods, holder=holder)
        sent = max(message.sent, link.sent)
        yield _file(holder, "015", declaration, sent, content, facts)
    opened = {h.about[0][1]: h for h in told.kept.world.happenings if h.what == "customs.transit_opened"}
    for mrn in sorted(covers.keys() & opened.keys() & lrns.keys()):
        link, happening = covers[mrn], opened[mrn]
        goods = Goods(
            [key for kind, key in happening.about if kind == "container"], link.record["data"]["notes"]
        )
        relayed = {
            "classifier": "ACT",
            "happened": local("eu-pl", happening.at).isoformat(),
            "jurisdiction": happening.jurisdiction,
            "procedure": "T1",
            "objects": [*objects("declaration", [mrn]), *objects("container", goods.boxes)],
        }
        facts = (
            Fact("customs.transit_opened", relayed),
            told.take(link, "declaration", "notes", "from"),
            _same(mrn, lrns),
        )
        content = written("029", mrn, lrns[mrn], happening.at, goods=goods, holder=holder)
        yield _file(holder, "029", mrn, link.sent, content, facts)


def _of_customs(told: Told, customs: str, lrns: Mapping[str, str]) -> Iterator[PartnerFile]:
    common = ("classifier", "happened", "jurisdiction", "objects")
    ends: dict[str, int] = {}  # by declaration: the release at its destination, before which nothing ends it
    for happening in told.kept.world.happenings:
        if happening.what == "customs.transit_closed" and happening.about[0][0] == "declaration":
            ends[happening.about[0][1]] = min(happening.at, ends.get(happening.about[0][1], happening.at))
    for message in told.plain(customs, "customs.accepted"):
        mrn, lrn = named(message, "declaration")
        content = written("028", mrn, lrn, at(message))
        yield _file(
            customs, "028", mrn, message.sent, content, (told.take(message, *common), _same(mrn, lrns))
        )
    for message in told.plain(customs, "customs.selected_for_inspection"):
        mrn = only(message, "declaration")
        if mrn in lrns:
            content = written("060", mrn, lrns[mrn], at(message))
            facts = told.take(message, *common, "method"), _same(mrn, lrns)
            yield _file(customs, "060", mrn, message.sent, content, facts)
    yield from _released(told, customs, lrns, common)
    for message in told.plain(customs, "customs.unloading_permitted"):
        (mrn,) = named(message, "declaration")
        content = written("043", mrn, "", at(message), goods=Goods(named(message, "container")))
        yield _file(customs, "043", mrn, message.sent, content, (told.take(message, *common),))
    for message in told.plain(customs, "customs.transit_closed"):
        if named(message, "container"):
            continue
        (mrn,) = named(message, "declaration")
        number = "025" if at(message) == ends[mrn] else "045"
        content = written(number, mrn, "", at(message))
        yield _file(customs, number, mrn, message.sent, content, (told.take(message, *common),))


def _released(
    told: Told, customs: str, lrns: Mapping[str, str], common: tuple[str, ...]
) -> Iterator[PartnerFile]:
    """029: with what the control of the documents found, where that was told once and rightly too."""
    covers = {m.record["data"]["declaration"]: m for m in told.plain(customs, "link.declaration_covers")}
    passed: dict[str, Message] = {}
    for message in told.plain(customs, "customs.inspection_passed"):
        if len(named(message, "declaration")) == 2:
            passed[named(message, "declaration")[0]] = message
    for message in told.plain(customs, "customs.transit_opened"):
        mrn = next(iter(named(message, "declaration")), "")
        if mrn not in covers:
            continue
        link, control = covers[mrn], passed.get(mrn)
        facts = [told.take(message, *common, "procedure"), told.take(link, "declaration", "notes", "from")]
        facts.append(_same(mrn, lrns))
        if control is not None:
            facts.append(told.take(control, *common))
        goods = Goods(named(message, "container"), link.record["data"]["notes"])
        content = written("029", mrn, lrns[mrn], at(message), goods=goods, controlled=control is not None)
        yield _file(customs, "029", mrn, max(message.sent, link.sent), content, tuple(facts))


def _same(mrn: str, lrns: Mapping[str, str]) -> Fact:
    """That both numbers are of one declaration, which messages with both of them say."""
    return Fact("link.declarations_same", {"declarations": [mrn, lrns[mrn]], "jurisdiction": mrn[:2]})


def _file(
    party: str, number: str, declaration: str, sent: int, content: bytes, facts: Sequence[Fact]
) -> PartnerFile:
    name = f"CC{number}C-{declaration.rpartition('/')[2]}.xml"
    return PartnerFile(sent, party, FORMAT, name, content, tuple(facts))
