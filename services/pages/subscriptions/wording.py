"""A change in plain words, in the language of whoever is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.pages.localization import Localization
from services.pages.subscriptions.changes import SILENT, Change, Kind
from services.pages.tracking import words
from services.pages.tracking.words import N_

_SENTENCES: Final[Mapping[Kind, str]] = {
    Kind.REACHED: "%(what)s",
    Kind.CORRECTED: N_("Corrected: %(what)s"),
    Kind.WITHDRAWN: N_("Taken back: %(what)s"),
    Kind.OPENED: "%(what)s",
    Kind.CLOSED: N_("Over: %(what)s"),
    Kind.DISPUTED: N_("Stated differently: %(what)s"),
    Kind.SETTLED: N_("No longer stated differently: %(what)s"),
}
_OTHER_TROUBLE: Final[Mapping[str, str]] = {
    "assignment": N_("Two parties assign a container or document to different cargo"),
    "one_sided": N_("Only one railway has signed the hand-over"),
    "lists_differ": N_("The hand-over lists of the railways differ"),
}


_SILENT = N_("Nobody has reported anything for longer than usual")
_NEWS_AGAIN = N_("There is news again")
_OVERDUE, _NOT_OVERDUE = N_("Overdue: %(what)s"), N_("No longer overdue: %(what)s")


def headline(change: Change, l10n: Localization) -> str:
    """What happened, without when and where."""
    if change.kind is Kind.FORECAST:
        return l10n.gettext("New forecast of the arrival")
    over = change.kind is Kind.CLOSED
    if change.code == SILENT:
        return l10n.gettext(_NEWS_AGAIN if over else _SILENT)
    if change.code.startswith("overdue:"):
        what = l10n.gettext(words.milestone(change.code.removeprefix("overdue:")))
        return l10n.gettext(_NOT_OVERDUE if over else _OVERDUE) % {"what": what}
    what = l10n.gettext(_what(change))
    sentence = _SENTENCES[change.kind]
    if sentence == "%(what)s" or (change.kind is Kind.DISPUTED and not change.code.startswith("dispute:")):
        return what
    return l10n.gettext(sentence) % {"what": what}


def sentence(change: Change, l10n: Localization) -> str:
    """One line: what happened, where, when, and what was told before."""
    parts = [headline(change, l10n)]
    if change.kind is Kind.FORECAST:
        parts.append(_interval(change, l10n))
    if change.place:
        parts.append(_place(change.place, l10n))
    if change.object:
        parts.append(words.thing(change.object))
    if change.at is not None and change.kind not in (Kind.FORECAST, Kind.CLOSED, Kind.SETTLED):
        at = l10n.clock(change.at, change.place or None)
        overdue = change.code.startswith("overdue:")
        parts.append(l10n.gettext("was expected %(at)s") % {"at": at} if overdue else at)
    line = " · ".join(parts)
    if change.was is None or change.kind is Kind.WITHDRAWN:
        return line
    was = l10n.gettext("told before: %(was)s") % {"was": l10n.clock(change.was, change.place or None)}
    return f"{line} ({was})"


def _what(change: Change) -> str:
    if change.code in words.STEPS:
        return words.STEPS[change.code]
    kind, colon, code = change.code.partition(":")
    if not colon or kind == "dispute":
        return words.milestone(code if colon else change.code)
    if kind in _OTHER_TROUBLE:
        return _OTHER_TROUBLE[kind]
    known = words.RESTRICTIONS if kind == "restriction" else words.EXCEPTIONS
    return known.get(code, code)


def _place(place: str, l10n: Localization) -> str:
    return l10n.country(place) if len(place) == 2 or place in ("EAEU",) else l10n.place(place)


def _interval(change: Change, l10n: Localization) -> str:
    low = "" if change.at is None else l10n.clock(change.at)
    if change.until is None:
        return l10n.gettext("not before %(low)s; nobody has said when the border opens") % {"low": low}
    return l10n.gettext("between %(low)s and %(high)s") % {"low": low, "high": l10n.clock(change.until)}
