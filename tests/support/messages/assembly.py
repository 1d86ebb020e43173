"""From the bytes of a message to the events that a partner would sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas import railnet
from schemas.events.base import Payload
from schemas.events.decode import decode_payload
from schemas.reasons import Refusal
from schemas.signing import Scheme, SigningKey
from services.producers import unsigned_event
from services.producers.formats.model import (
    EventDraft,
    Format,
    PassedOver,
    ReadOutcome,
    Record,
    Remark,
    Settings,
    Unread,
)
from services.producers.profile import Profile

BERLIN = railnet.zone("Europe/Berlin")


def settings(
    party: str = "hanse",
    zone: ZoneInfo = BERLIN,
    company: str = "",
    zones: dict[str, ZoneInfo] | None = None,
    **choices: dict[str, str],
) -> Settings:
    return Settings(party, zone, company, zones or {}, choices)


def profile(party: str) -> Profile:
    key = SigningKey.from_seed(Scheme.ED25519, bytes(32))
    return Profile(party, f"urn:cre:{party}", f"cre.{party}.v1", "demo", key, bytes(32))


@dataclass(frozen=True)
class Told:
    """What a file said: its reading, its records, and each Said as the event that admission would accept."""

    reading: ReadOutcome
    records: tuple[Record, ...]
    events: tuple[tuple[EventDraft, unsigned_event.UnsignedEvent, Payload], ...]

    @property
    def drafts(self) -> list[EventDraft]:
        return [said for said, _, _ in self.events]

    @property
    def types(self) -> list[str]:
        return [said.type.removeprefix("cre.").removesuffix(".v1") for said in self.drafts]

    @property
    def unread(self) -> list[Unread]:
        return [record for record in self.records if isinstance(record, Unread)]

    @property
    def passed_over(self) -> list[PassedOver]:
        return [record for record in self.records if isinstance(record, PassedOver)]

    @property
    def remarks(self) -> list[Remark]:
        return [*self.reading.remarks, *(remark for said in self.drafts for remark in said.remarks)]

    def only(self, type_: str) -> dict[str, Any]:
        """The content of the one event of that type."""
        found = [said for said in self.drafts if said.type == f"cre.{type_}.v1"]
        assert len(found) == 1, f"{type_} among {self.types}"
        return dict(found[0].data)

    def remarked(self, text: str) -> Remark:
        """The one remark that holds ``text``."""
        found = [remark for remark in self.remarks if text in remark.text]
        assert found, f"{text!r} among {[remark.text for remark in self.remarks]}"
        return found[0]

    def meaning(self, label: str) -> tuple[str, str]:
        """What ``label`` was taken for, and how surely."""
        found = [
            (taken.meaning, taken.certainty) for taken in self.reading.interpretations if taken.label == label
        ]
        assert len(found) == 1, f"{label!r} among {[taken.label for taken in self.reading.interpretations]}"
        return found[0]


def tell(format: Format, raw: bytes, with_settings: Settings | None = None) -> Told:
    """Read ``raw``; every Said is assembled and decoded as admission does, every Unread has place and remedy."""
    used = with_settings or settings()
    reading = format.read(raw, used)
    records = tuple(reading.records)
    owner = profile(used.party)
    events = []
    for record in records:
        if isinstance(record, EventDraft):
            made = unsigned_event.assemble(
                owner, record.id, record.type, record.time, dict(record.data), record.subject
            )
            events.append((record, made, decode_payload(record.type, made.payload)))
        elif isinstance(record, Unread):
            assert record.refusal.detail
            assert record.refusal.remedy
            assert record.where.path
    assert len({made.identity for _, made, _ in events}) == len(events), "two records share an id"
    return Told(reading, records, tuple(events))


def refusal(format: Format, raw: bytes) -> Refusal:
    """Why the file as a whole is not read; it must say where (unless it is all of it) and what to do."""
    with pytest.raises(Refusal) as refused:
        format.read(raw, settings())
    assert refused.value.detail
    return refused.value
