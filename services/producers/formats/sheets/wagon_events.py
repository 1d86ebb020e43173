"""What a list of wagons says of its boxes: on which wagon they stand, when they came in, which booking they are of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas.reasons import Reason, Refusal
from services.producers.formats.model import Record, Remarked, Where
from services.producers.formats.sheets import event_builder, train_events
from services.producers.formats.sheets.document import Document
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.quantities import plain
from services.producers.formats.sheets.records import unread
from services.producers.formats.sheets.section import Entry, Section


@dataclass(slots=True)
class Load:
    """A wagon with its boxes, in the order of the list."""

    wagon: str
    where: Where
    boxes: dict[str, str] = field(default_factory=dict)  # each with its note and seals in words
    remarks: list[Remarked] = field(default_factory=list)


@dataclass(slots=True)
class Train:
    """What the list says of one train."""

    section: Section
    number: str
    departs: Moment | None
    departs_at: Where
    loads: dict[str, Load] = field(default_factory=dict)
    rows: list[Entry] = field(default_factory=list)
    origins: set[str] = field(default_factory=set)
    unread: int = 0


def loaded(document: Document, load: Load, key: str, created: str, since: str, origin: str | None) -> Record:
    """The link of one wagon to its boxes; notes and seals stand in its remark."""
    words = [
        f"{box} {papers}" if len(load.boxes) > 1 else papers for box, papers in load.boxes.items() if papers
    ]
    link = {
        "from": since,
        "place": origin,
        "wagon": load.wagon,
        "containers": list(load.boxes),
        "remark": event_builder.remark(*words),
    }
    if len("; ".join(words)) > len(event_builder.remark(*words)):
        text = "Notes and seals of the wagon are longer than a remark; the last ones were cut off."
        load.remarks.append(Remarked(load.where, text))
    return event_builder.said(
        document, load.where, key, created, "link.wagon_loaded", link, about=load.wagon, remarks=load.remarks
    )


def on_wagon(
    document: Document, where: Where, key: str, created: str, origin: str, boxes: list[str], at: Moment | None
) -> Iterator[Record]:
    """That the boxes were loaded: when the list says, else by the time it was made."""
    known = at is not None and at.timed and not event_builder.told_ahead(created, at)
    when = (
        event_builder.happening(at)
        if at is not None and known
        else {"classifier": "ACT", "happened": created}
    )
    for part, some in enumerate(train_events.parts(boxes), start=1):
        data = {**when, "place": origin, "objects": event_builder.objects("container", some)}
        about = "" if part == 1 else str(part)
        yield event_builder.said(document, where, key, created, "movement.loaded_on_wagon", data, about=about)


def planned(
    document: Document,
    train: Train,
    where: Where,
    key: str,
    created: str,
    origin: str | None,
) -> Iterator[Record]:
    """A plan makes no links: a box is on a wagon once somebody says that it is."""
    if origin is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The plan does not say at which station it will be loaded.",
            str(where),
            "Give 发站, Станция отправления or Origin above the table.",
        )
    when = document.given_moment("event.loadedAt", train.section) or document.given_moment(
        "train.plannedDeparture", train.section
    )
    happening = event_builder.happening(when, "PLN") if when else {"classifier": "PLN", "happened": created}
    for load in train.loads.values():
        data = {
            **happening,
            "place": origin,
            "objects": event_builder.objects("container", load.boxes),
            "remark": event_builder.remark(f"planned on wagon {load.wagon}"),
        }
        if load.boxes:
            yield event_builder.said(
                document, load.where, key, created, "movement.loaded_on_wagon", data,
                about=f"planned/{load.wagon}", remarks=load.remarks,
            )  # fmt: skip


def gated(document: Document, train: Train) -> Iterator[tuple[Entry, Moment | Refusal, list[str]]]:
    """The rows that tell when their boxes came in, with the moment or why it cannot be read."""
    for entry in train.rows:
        try:
            moment = document.moment_of(entry, "event.gateInDate", "event.gateInTime")
            named = event_builder.boxes(entry) if moment is not None else []
        except Refusal as refusal:
            yield entry, refusal, []
            continue
        if moment is not None and named:
            yield entry, moment, named


def gate(
    document: Document,
    entry: Entry,
    moment: Moment | Refusal,
    named: list[str],
    key: str,
    created: str,
    origin: str | None,
) -> Record:
    """The gate-in of a row, or why there is none."""
    where = entry.where("event.gateInDate")
    try:
        if isinstance(moment, Refusal):
            raise moment
        at = event_builder.fact(
            created, event_builder.timed(document, moment, where, "a gate-in"), where, "the gate-in"
        )
        if origin is None:
            raise Refusal(
                Reason.INVALID_SCHEMA, "The gate-in has no place.", str(where), "Give 发站 above the table."
            )
        data = {
            **event_builder.happening(at),
            "place": origin,
            "objects": event_builder.objects("container", named),
            "seals": event_builder.seals(entry) if len(named) == 1 else [],
            "gross_weight_kg": event_builder.mass(entry, "goods.grossMass") if len(named) == 1 else None,
        }
        return event_builder.said(
            document, where, key, created, "movement.gated_in", data, about="+".join(named)
        )
    except Refusal as refusal:
        return unread(where, refusal)


def bookings(
    document: Document, train: Train, key: str, created: str, since: str, origin: str | None
) -> Iterator[Record]:
    """Where the list names the booking of a box: the box carries it, and the note covers it where its form is declared."""
    for entry in train.rows:
        reference = entry.joined("bookingReference")
        if not event_builder.name(reference):
            continue
        booking = event_builder.objects("booking", [f"{document.settings.party}/{reference}"])
        named = event_builder.boxes(entry)
        if named:
            link: dict[str, Any] = {"from": since, "containers": named, "carries": booking}
            yield event_builder.said(
                document,
                entry.here,
                key,
                created,
                "link.containers_assigned",
                link,
                about=f"{reference}/{'+'.join(named)}",
            )
        number = plain(entry.value("consignmentNoteNumber")).upper()
        note = event_builder.note(document, number, origin, since[:4])
        if note is not None:
            link = {"from": since, "note": note, "covers": booking}
            yield event_builder.said(
                document, entry.here, key, created, "link.note_covers", link, about=f"{number}/{reference}"
            )
