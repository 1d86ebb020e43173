"""A person of a party, and what it may do in which interval. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Self

from services.domain.facts import Micros

PersonId = bytes
"""16 random bytes: the pseudonym under which everything that a person does is recorded."""
TEAM = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,31}")
"""The form of a team's name within its party."""
LONGEST_NAME = 100
LONGEST_SUBJECT = 255
"""Characters of a subject identifier (OpenID Connect Core 1.0, 2)."""


class Permission(StrEnum):
    """What a person may do in the console; nothing follows from another one."""

    BOARD = "board"
    """See the border boards."""
    CASES = "cases"
    """See the cases that its party may see."""
    CASES_ACT = "cases.act"
    """Take steps on cases for one of its teams."""
    EVENTS = "events"
    """See what its party published and what became of it, how good that is, and its party's keys."""
    EVENTS_REDRIVE = "events.redrive"
    """Have a refused message of its party judged again."""
    EVENTS_UPLOAD = "events.upload"
    """Try a file of its party before it is published."""
    FINANCING = "financing"
    """See the financings of its bank, and check documents."""
    FINANCING_MAKE = "financing.make"
    """Prepare decisions on them, which somebody else approves."""
    FINANCING_CHECK = "financing.check"
    """Approve or reject what somebody else of the bank has prepared."""
    FINANCING_LIMITS = "financing.limits"
    """Set up to which amount other people of the bank may prepare and approve, never for itself."""
    CONSIGNMENTS = "consignments"
    """See the consignments in which its party is engaged, what is stated differently there, and who read its party's data."""
    DOCUMENTS = "documents"
    """See the documents that its party may read, and who holds their originals."""
    TRADES = "trades"
    """See the data of the trades that its party may see, what was declared from them, and whether that is in step."""
    CONSENTS = "consents"
    """See its party's consents and how they were used."""
    CREDIT = "credit"
    """See its party's own credit signals, and what was given of them to whom."""


class Signatory(NamedTuple):
    """A person as recorded with what it did: the issuer that signed it in, and its pseudonym. Never a name."""

    issuer: str
    person: PersonId

    def __str__(self) -> str:
        return f"{self.issuer} {self.person.hex()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The person that is written as ``str`` writes it; ValueError for anything else."""
        issuer, person = text.split(" ")
        return cls(issuer, bytes.fromhex(person))

    @property
    def plain(self) -> dict[str, str]:
        """As events of the platform name a person."""
        return {"issuer": self.issuer, "pseudonym": self.person.hex()}


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person may do in [since, until), UTC microseconds; open where ``until`` is None."""

    since: Micros
    until: Micros | None
    teams: frozenset[str]
    permissions: frozenset[Permission]

    def holds(self, at: Micros) -> bool:
        """Whether ``at`` is in the interval."""
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class Person:
    """A registered person of ``party``; ``subject`` and ``name`` are None once they were erased. Grants by their start, disjoint."""

    id: PersonId
    issuer: str
    party: str
    subject: str | None
    name: str | None
    grants: tuple[Grant, ...]

    def grant(self, at: Micros) -> Grant | None:
        """What the person may do at ``at``; None where it may do nothing."""
        return next((each for each in self.grants if each.holds(at)), None)

    def acts_for(self, party: str, team: str, at: Micros) -> bool:
        """Whether the person may take steps on cases for a team at ``at``."""
        grant = self.grant(at)
        return (
            grant is not None
            and party == self.party
            and team in grant.teams
            and Permission.CASES_ACT in grant.permissions
        )

    def may(self, permission: Permission, party: str, at: Micros) -> bool:
        """Whether the person has the permission for ``party`` at ``at``."""
        grant = self.grant(at)
        return grant is not None and party == self.party and permission in grant.permissions

    @property
    def signatory(self) -> Signatory:
        """How what the person does is recorded."""
        return Signatory(self.issuer, self.id)


def fault_of(issuer: str, subject: str, name: str, teams: frozenset[str]) -> str | None:
    """Why a person cannot be registered so; None where it can."""
    if not re.fullmatch(r"https?://[!-~]{1,245}", issuer) or issuer.endswith("/"):
        return f"{issuer!r} is no issuer: an https URL as its discovery document has it, without a slash at its end"
    if not 1 <= len(subject) <= LONGEST_SUBJECT or not subject.isascii() or not subject.isprintable():
        return "a subject is 1 to 255 printable ASCII characters, as the issuer writes them"
    if not 1 <= len(name.strip()) <= LONGEST_NAME or not name.isprintable():
        return f"a name is one line of 1 to {LONGEST_NAME} characters"
    return fault_of_teams(teams)


def fault_of_teams(teams: frozenset[str]) -> str | None:
    """Why teams cannot be named so; None where they can."""
    wrong = sorted(team for team in teams if not TEAM.fullmatch(team))
    if not wrong:
        return None
    return f"{wrong[0]!r} is no team: letters, digits, '_', '.' and '-', at most 32, without the party"
