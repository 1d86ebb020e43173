"""The consignments of a party as the console lists them: found by the rows of its list, shown as the matrix allows, with their forecasts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.api.access.consignment import VisibleConsignment, visible_each
from services.arrival.store.reader import LegHistory, read_forecast, read_forecasts
from services.domain.facts import Micros
from services.pages.page import PageRequest
from services.pages.tracking import words
from services.pages.tracking.forecast import ShownForecast, forecast_moment, is_ahead, shown_forecast
from services.pages.tracking.summary import Concern, Summary, summary
from services.pages.tracking.words import N_
from services.query.listing import store as listing
from services.query.listing.store import Part, Place, Wanted
from services.query.views import SourcedView

_ROUNDS = 4
"""How often the list is read on where what it holds is not to be shown."""
CONCERNS: Mapping[str, str] = {
    **words.EXCEPTIONS,
    **words.RESTRICTIONS,
    "assignment": N_("Two parties assign a container or document to different cargo"),
    "one_sided": N_("Only one railway has signed the hand-over"),
    "lists_differ": N_("The hand-over lists of the railways differ"),
    "dispute": N_("Disputed"),
    "overdue": N_("Late"),
    "silent": N_("Silent for long"),
    "news_overdue": N_("News is overdue, by what is usual here"),
}
"""What is wrong with a consignment, in a few words."""
TO_BE_KNOWN = "info"


@dataclass(frozen=True, slots=True)
class ListedConsignment:
    """One consignment of a list, as its party sees it; ``forecast`` is None where there is none."""

    shown: VisibleConsignment
    summary: Summary
    forecast: ShownForecast | None

    @property
    def reference(self) -> str:
        """As it was founded."""
        return self.summary.reference

    @property
    def wrong(self) -> list[str]:
        """What is wrong, by the codes of ``CONCERNS``, the worst first."""
        by_tone = sorted(self._wrong(), key=lambda c: c.tone != "bad")
        codes = [c.code if c.kind in ("exception", "restriction") else c.kind for c in by_tone]
        overdue = ["news_overdue"] if self.forecast is not None and self.forecast.unusual else []
        return list(dict.fromkeys([*codes, *overdue]))

    @property
    def acting(self) -> list[str]:
        """The roles that have to act."""
        return list(dict.fromkeys(concern.owner for concern in self._wrong() if concern.owner))

    def _wrong(self) -> list[Concern]:
        return [concern for concern in self.summary.concerns if concern.tone != TO_BE_KNOWN]


def find(
    request: PageRequest, wanted: Wanted, after: Place | None, limit: int
) -> tuple[list[VisibleConsignment], Place | None]:
    """At most ``limit`` consignments of the viewer's party as it may see them, the newest first, each noted as read; and where to go on.

    What is chosen by is held against what the party may see: nothing is in the list for a reason that is not shown to it.
    """
    found: list[VisibleConsignment] = []
    place = after
    for _ in range(_ROUNDS):
        asked = limit - len(found) + 1
        rows = listing.listed(request.session, request.party.code, wanted, place, asked)
        looked_at = rows[: asked - 1]
        place = looked_at[-1] if looked_at else place
        for shown in visible_each(request, [row.cons for row in looked_at]):
            if shown is not None and _chosen(shown.body, wanted):
                request.reads("consignment", shown.body["consignment"], shown.shippers)
                found.append(shown)
        if len(rows) < asked:
            return found, None
        if len(found) >= limit:
            break
    return found, place


def with_forecasts(request: PageRequest, found: Sequence[VisibleConsignment]) -> list[ListedConsignment]:
    """The summary of each, and the forecast of what is on its way: three statements for all."""
    ahead = [each for each in found if is_ahead(each.body)]
    forecasts = dict(zip(map(id, ahead), cached_forecasts(request, ahead), strict=True))
    return [
        ListedConsignment(each, summary(each.body, _route(each), request.now), forecasts.get(id(each)))
        for each in found
    ]


def cached_forecast(request: PageRequest, shown: VisibleConsignment) -> ShownForecast | None:
    """The forecast of what is ahead as of the last of the moments at which one is made.

    It is made once of one view and of what was learned by then.
    """
    at = forecast_moment(shown.known.view, request.now), request.begun.legs
    found: ShownForecast | None
    of, found = shown.known.made.get("forecast", (None, None))
    if of != at:
        found = shown_forecast(
            read_forecast(request.session, shown.known, at[0], remember=partial(_remembered, request))
        )
        shown.known.made["forecast"] = at, found
    return found


def _remembered(request: PageRequest, key: Hashable, read: Callable[[], LegHistory]) -> LegHistory:
    """The history of legs that boxes of one train have ahead of them alike, for as long as nothing else was learned."""
    return request.context.histories.of(key, request.begun.legs, read)


def cached_forecasts(
    request: PageRequest, several: Sequence[VisibleConsignment]
) -> list[ShownForecast | None]:
    """The same of each that is ahead, without what moved it: three statements for all that are not kept."""
    legs = request.begun.legs
    moments = [forecast_moment(each.known.view, request.now) for each in several]
    missing: dict[Micros, list[SourcedView]] = {}
    for each, moment in zip(several, moments, strict=True):
        if each.known.made.get("forecasts", (None, None))[0] != (moment, legs):
            missing.setdefault(moment, []).append(each.known)
    made = {}
    for moment, views in missing.items():
        for known, found in zip(views, read_forecasts(request.session, views, moment), strict=True):
            made[id(known)] = known.made["forecasts"] = (moment, legs), shown_forecast(found)
    return [(made.get(id(each.known)) or each.known.made["forecasts"])[1] for each in several]


def party_names(request: PageRequest) -> Callable[[str], str]:
    """The name of a party by its code; the code of one that is not registered."""

    def name(code: str) -> str:
        party = request.registry.party(code)
        return code if party is None else party.name

    return name


def _chosen(body: Mapping[str, Any], wanted: Wanted) -> bool:
    late, disputed = bool(body["overdue"]), bool(body["disputes"] or body["disputed_links"])
    if wanted.part is Part.ATTENTION and not (late or disputed or body["exceptions"] or body["silent"]):
        return False
    return (late or not wanted.late) and (disputed or not wanted.disputed)


def _route(each: VisibleConsignment) -> Sequence[str]:
    route = each.known.view.route
    return route.places if route is not None and each.body["route"] is not None else ()
