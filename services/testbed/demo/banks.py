"""The demo's banks at work, through the HTTP API as any bank: one lends on a cargo, another is refused it, and one reads credit.

Decisions are taken on the platform's own clock, while the world is played: the loan is made before the cargo comes to the
border, and what happens to the cargo then reaches the bank as facts that come later.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

import httpx

from schemas.rfc3339 import format_micros
from services.domain.facts import Micros
from services.testbed.demo.financing import DemoFinancing
from services.testbed.localstack.api import Callers
from services.testbed.simulator import financing
from services.testbed.simulator.financing import CURRENCY, Financed
from services.testbed.simulator.parties import PARTIES
from services.testbed.simulator.reports import Message

Json = dict[str, Any]
_LOOK_ALIKE = str.maketrans({"I": "\N{CYRILLIC CAPITAL LETTER BYELORUSSIAN-UKRAINIAN I}", "-": "\N{EN DASH}"})
_DIGITS = {ord("0") + n: chr(ord("\N{FULLWIDTH DIGIT ZERO}") + n) for n in range(10)}


def reservation(financed: Financed, reference: str, application: str, papers: Json) -> Json:
    """The body of POST /v1/reservations for the bank's own ``reference``, on the shipper's ``application`` to it."""
    return {
        "reference": reference,
        "application": f"{financed.shipper}/{application}",
        "product": "IN_TRANSIT_GOODS",
        "interest": "GOODS",
        "consignments": [financed.consignment],
        "papers": papers,
    }


def true_papers(financed: Financed) -> Json:
    """The papers of the deal as they are."""
    invoice = {
        "number": financed.invoice,
        "issued_on": financed.loaded_on.isoformat(),
        "seller": {"scheme": "PARTY", "id": financed.shipper},
        "buyer": {"scheme": "PARTY", "id": financed.consignee},
        "amount": {"minor_units": financing.VALUE, "currency_code": CURRENCY},
    }
    box = {
        "container": financed.box,
        "origin": financed.origin,
        "loaded_on": financed.loaded_on.isoformat(),
    }
    return {
        "invoices": [invoice],
        "notes": [{"key": financed.note}],
        "boxes": [box],
        "consignments": [financed.consignment],
    }


def look_alike(financed: Financed) -> Json:
    """The same papers, written so that a machine would read other numbers: look-alike letters, full-width digits, spaces."""
    same = true_papers(financed)
    number = financed.invoice.translate(_LOOK_ALIKE).translate(_DIGITS)
    box = f"{financed.box[:4].lower()} {financed.box[4:10]}-{financed.box[10:]}"
    return {
        **same,
        "invoices": [{**each, "number": number} for each in same["invoices"]],
        "boxes": [{**each, "container": box} for each in same["boxes"]],
    }


KNOWN = frozenset({"accepted", "parked"})
ATTEMPTS = 20
_AGAIN = frozenset({httpx.codes.CONFLICT, httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE})


class UnexpectedAnswer(Exception):
    """The API answered with a status that the demo does not expect."""


@dataclass
class Banks:
    """The requests and decisions on ``money`` through the API; ``look`` is to be called while the world is played."""

    money: DemoFinancing
    callers: Callers
    decisions: list[dict[str, Any]] = field(default_factory=list)
    _awaited: list[Message] = field(default_factory=list)
    _asked: int = 0

    def __post_init__(self) -> None:
        self._awaited = list(self.money.papers)

    def look(self, at: Micros) -> None:
        """Let both banks ask, once, as soon as the platform has what they rest on; ``at`` is the simulated moment."""
        if self.money.financed is None or self.decisions or at < self.money.at:
            return
        while self._awaited and self._arrived(self._awaited[-1]):
            self._awaited.pop()
        if not self._awaited and all(
            self._free(self.money.financed, *each) for each in _applied(self.money.financed)
        ):
            self._lend(self.money.financed)

    def finish(self) -> dict[str, Any]:
        """Tell what became of the loan and what the bank reads of the three shippers, once the credit signals are up to date."""
        financed = self.money.financed
        return {
            "financing": None if financed is None else self._told(financed),
            "credit": {
                name: self._credit(shipper)
                for name, shipper in (
                    ("good", financing.GOOD_SHIPPER),
                    ("bad", financing.BAD_SHIPPER),
                    ("thin_file", financing.THIN_SHIPPER),
                )
            },
        }

    @property
    def example(self) -> str:
        """A command that reads the status of the loan, as the bank that made it; "" where none did."""
        if self.money.financed is None or not self.decisions:
            return ""
        bank, loan = financing.BANK, f"LN-{self.money.financed.reference}"
        return f"lianyun bank status --client {bank} --key {self.callers.key_file(bank)} {loan}"

    def _arrived(self, message: Message) -> bool:
        """Whether the event is accepted, as its own publisher reads it."""
        name = {"source": PARTIES[message.party].source, "id": message.record["id"]}
        answer = self.callers.of(message.party).get("/v1/events", params=name)
        return answer.is_success and answer.json()["outcome"] in KNOWN

    def _free(self, financed: Financed, bank: str, application: str) -> bool:
        """Whether ``bank`` reads, before it requests anything, that the interest of its application is free."""
        body = {
            "kind": "consignment",
            "id": financed.consignment,
            "application": f"{financed.shipper}/{application}",
        }
        answer = self.callers.of(bank).get("/v1/financing-status", params=body)
        return answer.is_success and answer.json()["interest_taken"] is False

    def _lend(self, financed: Financed) -> None:
        own, other = financing.BANK, financing.OTHER_BANK
        loan = f"LN-{financed.reference}"
        (_, application), (_, offered) = _applied(financed)
        self._asked += 1
        body = reservation(financed, loan, application, true_papers(financed))
        if not self._decide(own, "RESERVE", "/v1/reservations", body, must=True):
            return  # a paper of the cargo has not arrived yet: requested again at the next look
        self._decide(own, "PLEDGE", f"/v1/financings/{loan}/pledge")
        amount = {"minor_units": financing.ASKED, "currency_code": CURRENCY}
        self._decide(own, "DRAW", f"/v1/financings/{loan}/draw", {"amount": amount})
        papers = look_alike(financed)
        written = f"{papers['invoices'][0]['number']}, {papers['boxes'][0]['container']}"
        body = reservation(financed, "LN-1", offered, papers)
        self._decide(other, "RESERVE", "/v1/reservations", body, written)
        anothers = reservation(financed, "LN-2", application, true_papers(financed))
        self._decide(other, "RESERVE", "/v1/reservations", anothers)
        self._decide(other, "PLEDGE", f"/v1/financings/{loan}/pledge")
        self._decide(other, "RELEASE", f"/v1/financings/{loan}/release")
        self._decide(own, "PLEDGE", f"/v1/financings/{loan}/pledge")

    def unlike(self) -> list[str]:
        """Where the API answered otherwise than it must, one readable line each; after ``finish``."""
        if self.money.financed is None:
            return []
        given = [(d["by"], d["action"], d["outcome"], d["guard"]) for d in self.decisions]
        wanted = [(a.by, a.action, a.outcome, a.guard) for a in financing.ANSWERS]
        return [
            f"{self.money.financed.consignment}: decision {number} is {found}, not {right}"
            for number, (found, right) in enumerate(zip_longest(given[: len(wanted)], wanted), start=1)
            if found != right
        ]

    def _decide(
        self, by: str, action: str, path: str, body: Any = None, written: str = "", must: bool = False
    ) -> bool:
        """Request a decision and note the answer; False where what it is about does not exist for ``by``.

        That is noted as UNKNOWN, unless it ``must`` be there.
        """
        key = {"idempotency-key": f"demo-{action}-{self._asked}-{len(self.decisions)}"}
        answer = self._answer(by, "POST", path, json=body, headers=key)
        known = answer.status_code != httpx.codes.NOT_FOUND
        if must and not known:
            return False
        answered = answer.json() if known else {"outcome": "UNKNOWN", "guard": None, "number": None}
        outcome = (
            answered["outcome"] if "outcome" in answered else "DONE" if answered["allowed"] else "REFUSED"
        )
        self.decisions.append(
            {
                "by": by,
                "action": action,
                "outcome": outcome,
                "guard": answered["guard"] or "",
                "match": answered.get("match") or "",
                "written": written,
                "number": answered["number"],
            }
        )
        return known

    def _told(self, financed: Financed) -> dict[str, Any]:
        if self.decisions:
            body = {"action": "RELEASE_ORDER", "consignments": [financed.consignment]}
            self._decide(financed.consignee, "RELEASE_ORDER", "/v1/cargo-requests", body)
        found = self.callers.of(financing.BANK).get(f"/v1/financings/LN-{financed.reference}")
        return {
            "consignment": financed.consignment,
            "container": financed.box,
            "shipper": financed.shipper,
            "waited": {"place": financed.place, "from": iso(financed.waits), "to": iso(financed.leaves)},
            "decisions": self.decisions,
            "status": _status(found.json()) if found.is_success else None,
        }

    def _credit(self, shipper: str) -> dict[str, Any]:
        path, moment = f"/v1/shippers/{shipper}/credit", {"as_of": format_micros(self.money.now)}
        without = self.callers.of(financing.OTHER_BANK).get(path, params=moment)
        given = self.callers.of(financing.BANK).get(path, params=moment)
        known = given.json() if given.is_success else {}
        return {"shipper": shipper, "read_without_consent": without.is_success, **known}

    def _answer(self, by: str, method: str, path: str, **body: Any) -> httpx.Response:
        """The answer to a request, repeated under the same key where it has to wait.

        Raises UnexpectedAnswer unless it succeeds or is 404.
        """
        for _ in range(ATTEMPTS):
            answer = self.callers.of(by).request(method, path, **body)
            if answer.status_code not in _AGAIN:
                break
            time.sleep(float(answer.headers.get("retry-after", "0.2")))
        if not answer.is_success and answer.status_code != httpx.codes.NOT_FOUND:
            raise UnexpectedAnswer(f"{method} {path} as {by}: {answer.status_code} {answer.text[:300]}")
        return answer


def _applied(financed: Financed) -> tuple[tuple[str, str], tuple[str, str]]:
    """Both banks, each with the shipper's number of its application to it."""
    return (financing.BANK, financed.reference), (financing.OTHER_BANK, f"{financed.reference}B")


def _status(found: dict[str, Any]) -> dict[str, Any]:
    """What of a financing's status the demo shows: what is the same in every run."""
    value = found["value"]
    return {
        "stage": found["stage"],
        "blocks_release": found["blocks_release"],
        "outstanding": found["outstanding"],
        "value": None if value["verified"] is None else value["verified"]["minor_units"],
        "stated_by": value["said_by"],
        "alerts": [
            {
                "covenant": each["covenant"],
                "about": each["about"],
                "since": each["since"],
                "events": len(each["events"]),
            }
            for each in found["alerts"]
        ],
    }


def iso(micros: Micros) -> str:
    """A moment in UTC, to the second."""
    return f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"
