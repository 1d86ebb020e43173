"""Reads the financing stories: the events that partners publish, and what banks and others ask, moment by moment.

Events are written as in ``tests/stories``. ``asks`` follow in the order in which they reach the platform:

- an event that is ``like`` an earlier one says the same, but for what it says itself; ``known`` is when it arrived;
- ``do`` the action, ``by`` whom, ``at`` when; ``for`` the bank's or party's own reference;
- ``cargo`` is what a request about cargo names: consignments as ``founder/reference``, or ``container X``, ``note X``;
- RESERVE names the ``application`` and ``papers`` (by name, ``with`` changes of single fields);
- ``waiver`` is the ground on which RELEASE gives the security back although something is owed;
- ``reviewed`` is the number of an earlier REVIEW, ``reviewers`` are who looked at it;
- RELEASE_PART gives back ``goods`` (as in ``cargo``), or the ``amount`` that they are worth;
- ``expect`` is the outcome alone, or a mapping of what must be told; ``key`` the idempotency key, if it matters.

``forecasts`` are the judgments that the platform recorded: ``at`` when, ``for`` which financing, ``of`` which consignment, ``lateness``.

``then`` looks at financings afterwards: stage, what is owed, alerts.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from schemas.events.base import ObjectKind
from schemas.events.decode import decode_payload
from schemas.events.finance import Applied
from schemas.events.keys import canonical_key
from schemas.rfc3339 import parse_micros
from services.domain.interpretation import Attribution
from services.domain.objects import Thing, consignment
from services.financing.domain.covenants import JudgedArrival
from services.financing.domain.decisions import Action, Terms
from services.financing.domain.documents import (
    UNKNOWN,
    Box,
    Company,
    Declaration,
    Invoice,
    Note,
    Papers,
    Share,
    TransportDocument,
)
from services.financing.domain.money import Money
from services.financing.domain.requests import DecisionRequest
from services.financing.domain.statements import read
from tests.stories.shorthand import instant
from tests.stories.story import Story, Text, Told

from .world import Heard

FOLDER = Path(__file__).resolve().parents[2] / "stories" / "financing"
KEYS = {"title", "why", "parties", "events", "papers", "asks", "forecasts", "then"}


@dataclass(frozen=True)
class Case:
    """One story: its events, what is asked in what order, and what must be seen afterwards."""

    slug: str
    title: str
    story: Story
    papers: dict[str, Any]
    asks: tuple[dict[str, Any], ...]
    then: dict[str, Any]

    def heard(self) -> tuple[Heard, ...]:
        """The events, each known since it was published, or since its ``known``."""
        return tuple(
            _heard(told, event.get("known")) for told, event in zip(self.story.told, self.events, strict=True)
        )

    @property
    def events(self) -> tuple[dict[str, Any], ...]:
        """The events as written."""
        return self._written

    _written: tuple[dict[str, Any], ...] = ()
    forecasts: tuple[dict[str, Any], ...] = ()

    @property
    def judged(self) -> tuple[tuple[str, JudgedArrival], ...]:
        """What the platform judged of each financing, in order."""
        return tuple(
            (each["for"], JudgedArrival(each["of"], micros(each["at"]), each["lateness"], ()))
            for each in self.forecasts
        )

    def ask(self, number: int) -> tuple[DecisionRequest, int, tuple[Thing, ...]]:
        """The ask as a request, its moment, and the consignments that it is about."""
        written = self.asks[number]
        action = Action(written["do"])
        terms = self.terms(written["application"]) if "application" in written else None
        if terms is not None and "terms" in written:
            terms = terms._replace(**written["terms"])
        named = () if terms is None or "cargo" in written else self._cargo(written["application"])
        on = tuple(sorted(map(_thing, written.get("cargo", named))))
        reference = written.get("for", "")
        return (
            DecisionRequest(
                action=action,
                asked_by=written["by"],
                idempotency=written.get("key", f"{self.slug}-{number}"),
                financing=f"{written['by']}/{reference}" if reference and "/" not in reference else reference,
                terms=terms,
                papers=self._papers(written),
                amount=_money(written["amount"]) if "amount" in written else None,
                replaces=written.get("replaces", ""),
                reviewed=written.get("reviewed"),
                reviewers=tuple(written.get("reviewers", ())),
                waiver=written.get("waiver", ""),
                about=on if action.disposes else (),
                goods=tuple(map(_thing, written.get("goods", ()))),
            ),
            micros(written["at"]),
            on,
        )

    def terms(self, application: str) -> Terms:
        """What the application asks for; an application that nobody signed is still asked about by its name."""
        applicant, _, reference = application.partition("/")
        for told in self.story.told:
            payload = decode_payload(told.envelope.type, told.payload)
            if isinstance(payload, Applied) and (told.party, payload.reference) == (applicant, reference):
                return Terms(application, applicant, payload.product, payload.interest)
        return Terms(application, applicant, "EXPORT_RECEIVABLE", "RECEIVABLE")

    def _cargo(self, application: str) -> tuple[str, ...]:
        applicant, _, reference = application.partition("/")
        for event in self.events:
            if (
                event["type"] == "finance.applied"
                and event["by"] == applicant
                and event["says"]["reference"] == reference
            ):
                objects = event["says"]["objects"]
                return tuple(
                    o.split(" ", 1)[1] for o in (objects if isinstance(objects, list) else [objects])
                )
        return ()

    def _papers(self, written: dict[str, Any]) -> Papers:
        if "papers" not in written:
            return Papers()
        said = copy.deepcopy(self.papers[written["papers"]])
        for path, value in written.get("with", {}).items():
            *way, last = path.split(".")
            inner: Any = said
            for part in way:
                inner = inner[int(part) if part.isdigit() else part]
            inner[int(last) if last.isdigit() else last] = value
        return papers_of(said)


@cache
def cases() -> tuple[Case, ...]:
    """All stories, by file name; read once, and shared: nobody changes what they hold."""
    base = _load(FOLDER / "base.yaml")
    return tuple(_case(path, base) for path in sorted(FOLDER.glob("[0-9][0-9]_*.yaml")))


def _load(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Text)
    unknown = set(told) - KEYS
    if unknown:
        raise ValueError(f"{path.name}: unknown {sorted(unknown)}")
    return told


def _case(path: Path, base: dict[str, Any]) -> Case:
    own = _load(path)
    events = _alike((*base["events"], *own.get("events", ())))
    shown = tuple({k: v for k, v in event.items() if k != "known"} for event in events)
    parties = {**base["parties"], **own.get("parties", {})}
    story = Story(path.stem, own["title"], own["why"], parties, shown, "2026-03-01T00:00:00Z", {})
    papers = {**base["papers"], **own.get("papers", {})}
    return Case(
        path.stem, own["title"], story, papers, tuple(own["asks"]), own.get("then", {}), _written=events,
        forecasts=tuple(own.get("forecasts", ())),
    )  # fmt: skip


def _alike(events: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """An event that is ``like`` an earlier one says the same but for what it changes."""
    said: dict[str, Any] = {}
    told = []
    for event in events:
        whole = {**said.get(event.get("like", ""), {}), **event.get("says", {})}
        said[event["id"]] = whole
        told.append({**{k: v for k, v in event.items() if k != "like"}, "says": whole})
    return tuple(told)


def _thing(text: str) -> Thing:
    """A consignment ``founder/reference``, or another object as ``kind id``."""
    kind, blank, id_ = text.partition(" ")
    if not blank:
        return consignment(*text.split("/"))
    return Thing(ObjectKind[kind.upper()], canonical_key(ObjectKind[kind.upper()], id_))


def _heard(told: Told, known: str | None) -> Heard:
    since = told.envelope.published_micros if known is None else micros(known)
    statement = Attribution(told.event, told.envelope.source, told.publisher, told.envelope.published_micros)
    payload = decode_payload(told.envelope.type, told.payload)
    return Heard(since, told.facts(), read(statement, told.content, payload, since))


def micros(text: str) -> int:
    """A time of a story in UTC microseconds."""
    return parse_micros(instant(text), "/at")


def papers_of(said: dict[str, Any]) -> Papers:
    """Papers as a story writes them."""
    unknown = set(said) - {"invoices", "documents", "notes", "declarations", "boxes", "consignments"}
    if unknown:
        raise ValueError(f"unknown papers {sorted(unknown)}")
    return Papers(
        invoices=tuple(
            Invoice(
                _company(i["seller"]),
                _company(i["buyer"]),
                i["number"],
                _money(i["amount"]),
                date.fromisoformat(i["dated"]),
                _share(i),
            )
            for i in said.get("invoices", ())
        ),
        documents=tuple(
            TransportDocument(_company(d["issuer"]), d["number"], date.fromisoformat(d["dated"]), _share(d))
            for d in said.get("documents", ())
        ),
        notes=tuple(Note(n["key"], _share(n)) for n in said.get("notes", ())),
        declarations=tuple(Declaration(d["key"], _share(d)) for d in said.get("declarations", ())),
        boxes=tuple(
            Box(b["container"], b["origin"], date.fromisoformat(b["dated"]), _share(b))
            for b in said.get("boxes", ())
        ),
        consignments=tuple(said.get("consignments", ())),
    )


def _company(text: str) -> Company:
    scheme, _, number = text.partition(" ")
    return Company(scheme, number)


def _money(text: str) -> Money:
    minor, currency = str(text).split()
    return Money(int(minor.replace("_", "")), currency)


def _share(said: dict[str, Any]) -> Share | None:
    share = said.get("share")
    if share is None:
        return None
    if share == "unknown":
        return UNKNOWN
    part, _of, whole, measure = share.split()
    return Share(measure, int(part), int(whole))
