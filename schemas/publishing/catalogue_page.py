"""The catalogue of event types as a page for people: what each means, who may say it, and how it folds."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.events import catalogue
from schemas.events.spec import EventSpec
from schemas.events.vocabulary import Region

_TITLES = {
    Region.MOVEMENT: "Movement",
    Region.CUSTOMS: "Customs",
    Region.DOCUMENT: "Document",
    Region.FINANCE: "Finance",
    Region.NETWORK: "Network",
    Region.LINK: "Links",
    Region.CORRECTION: "Corrections",
    Region.CREDIT: "Credit",
    Region.CASE: "Cases",
}
_HEAD = "| type | meaning | said by | authority | corroborated by | tolerance | exception |\n|---|---|---|---|---|---|---|"


def catalogue_page() -> str:
    """The page in Markdown: one table per region, in the order of the numbers."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Event types"
    yield ""
    yield (
        "Generated from the models. Tolerance is the spread of times beyond which publishers disagree; an authority's "
        "word counts inside its territory (a place or a jurisdiction). `+` opens an exception, `-` closes it."
    )
    for region in Region:
        specs = [spec for spec in catalogue.specs() if spec.region is region]
        if specs:
            yield f"\n## {_TITLES[region]}\n\n{_HEAD}"
            yield from (_row(spec) for spec in specs)


def _row(spec: EventSpec) -> str:
    authority = _list(spec.authority)
    if authority and spec.territory != "NONE":
        authority = f"{authority} ({spec.territory.lower()})"
    tolerance = "" if spec.tolerance_seconds is None else f"{spec.tolerance_seconds // 60} min"
    exception = f"+{spec.opens.name}" if spec.opens else f"-{spec.closes.name}" if spec.closes else ""
    cells = (
        f"`{spec.type}`",
        spec.summary,
        "any party" if len(spec.publishers) > 10 else _list(spec.publishers),
        authority,
        _list(spec.corroborators),
        tolerance,
        exception,
    )
    return f"| {' | '.join(cells)} |"


def _list(roles: frozenset[str]) -> str:
    return ", ".join(str(role).replace("_", " ") for role in sorted(roles))
