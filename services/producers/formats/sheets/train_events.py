"""A train as a list tells it: the wagons that it carries as a link, and its departure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.reasons import Refusal
from services.producers.formats.model import Record, Remarked, Where
from services.producers.formats.sheets import event_builder
from services.producers.formats.sheets.document import Document
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.records import unread


def of_train(
    document: Document,
    where: Where,
    key: str,
    created: str,
    number: str,
    departs: Moment | None,
    departs_at: Where,
    origin: str | None,
    wagons: list[str],
    boxes: list[str],
    since: str,
    *,
    unread_rows: int = 0,
    note: str = "",
) -> Iterator[Record]:
    """The wagons of a train as a link, and its departure; where the train cannot be named, the departure of its boxes."""
    remarks = []
    if unread_rows:
        text = f"{unread_rows} rows could not be read; the wagons are those of the others."
        remarks.append(Remarked(where, text, "Mend the rows and send the list again."))
    try:
        named = event_builder.train(document, number, departs.day if departs else "", origin, where)
    except Refusal as refusal:
        yield unread(where, refusal)
        named = None
    if named is not None:
        for part, some in enumerate(parts(wagons), start=1):
            link = {
                "from": since,
                "place": origin,
                "train": named,
                "wagons": some,
                "remark": event_builder.remark(note),
            }
            about = "" if part == 1 else str(part)
            yield event_builder.said(
                document, where, key, created, "link.train_composed", link, about=about, remarks=remarks
            )
    if departs is None:
        return
    if origin is None:
        return
    try:
        left = event_builder.timed(document, departs, departs_at, "a departure")
    except Refusal as refusal:
        yield unread(departs_at, refusal)
        return
    ahead = event_builder.told_ahead(created, left)
    early = [
        Remarked(departs_at, "The list was made before the train left; the departure is said as planned.")
    ]
    about_it = (
        event_builder.objects("train", [named])
        if named is not None
        else event_builder.objects("container", boxes)
    )
    for part, objects in enumerate(parts(about_it), start=1):
        data = {
            **event_builder.happening(left, "PLN" if ahead else "ACT"),
            "place": origin,
            "objects": objects,
            "remark": event_builder.remark(note),
        }
        about = "/".join(
            each for each in ("planned" if ahead else "", "" if part == 1 else str(part)) if each
        )
        remarks = early if ahead else []
        yield event_builder.said(
            document, departs_at, key, created, "movement.departed", data, about=about, remarks=remarks
        )


def parts(items: list[Any]) -> Iterator[list[Any]]:
    """``items`` in pieces of as many as one event may name."""
    for start in range(0, len(items), event_builder.MOST_OBJECTS):
        yield items[start : start + event_builder.MOST_OBJECTS]
