"""One line of a tracking list: the event of a container or wagon at a place and time, or why it makes none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from schemas import railnet
from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import format_micros, parse_micros
from services.producers.formats.model import PassedOver, Position, Record
from services.producers.formats.sheets import event_builder, places
from services.producers.formats.sheets.document import Document
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.section import Entry

# A cell is understood as a whole or not at all: every word is in the vocabulary, and together they have one meaning. A word of
# negation, expectation or cancellation beside a known word is never ignored ("未签收" is not "签收"). A line with two meanings needs
# a declared choice: "换装发车" may be the transfer or the departure.

_EXPECTED: Final = "none:expected, not happened"
_NEGATED: Final = "none:not happened yet"
_RECORD: Final = "none:a correction or exclusion of the record"
_STANDING: Final = "standing"
_MOVING: Final = "moving"
_FILLING: Final = ""
_POSITION: Final = "position_reported"

_RU_DONE: Final = "(?:[аоы]|ие|ия|[аоы]?й|ая|ое|ые)?"
_VOCABULARY: Final[dict[str, tuple[str, ...]]] = {
    # Of the record, not of the cargo: КОРВ (corrected), ИСКП (excluded).
    _RECORD: ("корв", "корректировка", "искп?л?", "исключени[ея]", f"исключен{_RU_DONE}"),
    # What these stand before has not happened.
    _EXPECTED: (
        "预计", "预到", "计划", "拟", "即将", "ожидается", "планируется", "план", "прогноз", "expected", "planned", "eta",
    ),
    _NEGATED: ("尚未", "还未", "还没有?", "未", "еще не", "не", "not yet"),
    _STANDING: (
        "滞留中?", "停留中?", "排队中?", "在站", "停放", "waiting", "queu(?:ed|ing)", "простой",
        "[待等]待?(?:换装|发车|装车|卸车|提箱|提柜|提货|放行|排车|计划)", "换装中",
        "awaiting (?:trans-?shipment|transfer|departure|loading|unloading|release|clearance|customs|pick-?up|collection)",
        "ожида(?:ет|ют|ние|ния) (?:отправлени[яе]|отправки|перегруз(?:а|ки)|перегрузк[иу]|погрузк[иу]|выгрузк[иу]|выпуска|выдачи|оформления)",
    ),
    "train_held": ("保留列车", "弃置", "брос", f"отставлен{_RU_DONE} от движения", f"брошен{_RU_DONE}", "train (?:set aside|held)", r"\(92\)"),
    "train_resumed": (f"поднят{_RU_DONE}", "подн?т", "train resumed", r"\(93\)"),
    "wagon_broken": (
        "甩车", "故障", "扣修", f"отцеплен{_RU_DONE}", "отцепка", "неисправност[ьи]", "неисправ(?:ен|на|ны)", "в нерабочий парк", "отцп",
        "bad order", "wagon broken",
    ),
    "wagon_restored": ("修竣", "из ремонта", "в рабочий парк", "repaired"),
    "arrived_at_destination": (
        "(?:已?到达|抵达|已到|到)(?:目的|终点|终到)[地站港]?", "прибы(?:л[аои]?|тие) на (?:станцию|ст\\.?) ?назначения",
        "arriv(?:ed|al) (?:at )?(?:the )?(?:destination|final (?:destination|terminal|station))", "at destination",
    ),
    "transshipped": (
        "(?:已|完成)?换装(?:完毕|完成)?", "换轨", f"перегру(?:ж|з)ен{_RU_DONE}", "перегруз(?:ка|к[иу])?",
        "trans-?ship(?:ped|ment)?", "transload(?:ed)?",
    ),
    "empty_returned": (
        "还箱", "还空箱?", "空箱(?:返还|归还)", "empty return(?:ed)?", "returned empty", "возврат порожнего(?: контейнера)?",
        f"сдан{_RU_DONE} порожн(?:ий|им|яя|ей|ие|ими)",
    ),
    "gated_out": ("已?提[箱柜货]", "出场", "gated?[ -]?out", "picked up", f"вывезен{_RU_DONE}", f"выдан{_RU_DONE}", "выдача", "вывоз"),
    "gated_in": ("进场", "入场", "重箱进站", "集港", "gated?[ -]?in", f"завезен{_RU_DONE}", "завоз", f"принят{_RU_DONE} на терминал"),
    "delivered": ("签收", "送达", "派送完成", "delivered", f"доставлен{_RU_DONE}", "доставка", f"вручен{_RU_DONE}"),
    "unloaded": ("卸车", "卸箱", "落地", "unloaded", "unloading", f"выгру(?:ж|з)ен{_RU_DONE}", "выгрузка", r"выгр\d?"),
    "loaded_on_wagon": ("已?装车", "loaded", "loading completed", f"погру(?:ж|з)ен{_RU_DONE}", "погрузка", r"погр\d?"),
    "departed": (
        "已?发车", "已发[运出]?", "开车", "离站", "离开", "发出", "发运", "出境", "离境", "交出", "移交", "depart(?:ed|ure)", "left",
        "handed over", f"отправлен{_RU_DONE}", "отправил(?:ся|ась|ось|ись)", "отправка", "убы(?:л[аои]?|тие)", f"передан{_RU_DONE}", "передача",
        f"сдан{_RU_DONE}", "сдача", "отпр", "сдач",
    ),
    "arrived": (
        "已?到达", "抵达", "到站", "已到", "入境", "进境", "接入", "arriv(?:ed|al)", "прибы(?:л[аои]?|тие)", "приб",
        f"принят{_RU_DONE}", "прием", "прим",
    ),
    _MOVING: (
        "途经", "在途中?", "途中", "(?:正在)?(?:运行|行驶)中?", "经过", "过境", "in transit", "running", "pass(?:ed|ing)",
        "в пути", "следует", "следование", "проследовал[аои]?", "проследование", "прсл", "пров", "тр[нз][а-я]?", "транзит",
    ),
    _FILLING: (
        "已", "完毕", "完成", "口岸", "国境站?", "边境站?", "车站", "场站", "堆场", "站", "港口?", "班列", "列车", "集装箱", "货物", "箱",
        "has", "been", "at", "the", "from", "on", "border", "station", "terminal", "port", "train", "wagon", "container",
        "на", "со?", "из", "станци[июя]", "ст", "терминал[а]?", "границ[аеуы]", "поезд[а]?", "вагон[а]?", "контейнер[а]?", r"\(\d{1,2}\)",
    ),
}  # fmt: skip
"""Every word that a cell may have, by what it says; the longest one counts where several fit."""
_TOKENS: Final = tuple(
    (meanings, re.compile(pattern)) for meanings, patterns in _VOCABULARY.items() for pattern in patterns
)
_SEPARATORS: Final = re.compile(r"[\s,;:.()\[\]【】、。/|\-–—'\"«»]")
_LETTER: Final = re.compile(r"[a-zа-я0-9]")
EVENTS: Final = frozenset(
    meanings
    for meanings in _VOCABULARY
    if meanings and meanings not in (_STANDING, _MOVING) and ":" not in meanings
) | {_POSITION}
"""What a word may say; a partner declares one of these, or ``none``, for a word of its own."""


class _Parsed(NamedTuple):
    meanings: tuple[str, ...]  # in the order of the cell, without what only fills
    rest: str  # the first piece that is in no vocabulary, as far as the next separator


def read(words: str, chosen: Callable[[str], str]) -> str | None:
    """The event that ``words`` state, ``none:`` with the reason, or None where they are unknown or ambiguous.

    ``chosen`` gives what the partner declared for words of its own.
    """
    declared = chosen(words)
    if declared:
        return declared if declared in EVENTS else "none:declared as none" if declared == "none" else None
    parsed = _parse(words)
    return None if parsed.rest else _meaning(parsed.meanings)


def not_understood(words: str) -> str:
    """The part of ``words`` that is in no vocabulary; "" where each word is known and their combination means nothing."""
    return _parse(words).rest


def _meaning(meanings: tuple[str, ...]) -> str | None:
    if not meanings:
        return None
    if _RECORD in meanings:
        return _RECORD if not {_EXPECTED, _NEGATED} & set(meanings) else None
    if meanings[0] in (_EXPECTED, _NEGATED):
        beside = set(
            meanings[1:]
        )  # one event at most: of "не прибыл, отправлен" only the first word is denied
        whole = len(beside) == 1 or (not beside and meanings[0] == _EXPECTED)
        return meanings[0] if whole and not beside & {_EXPECTED, _NEGATED} else None
    several = list(dict.fromkeys(meanings))
    if len(several) > 1 and _MOVING in several:
        several.remove(_MOVING)  # "departed, in transit"
    if len(several) != 1 or several[0] in (_EXPECTED, _NEGATED):
        return None
    return _POSITION if several[0] in (_STANDING, _MOVING) else several[0]


@lru_cache(maxsize=20_000)
def _parse(words: str) -> _Parsed:
    text = unicodedata.normalize("NFKC", words).casefold().replace("ё", "е")
    text = re.sub(r"\s+", " ", text)
    meanings: list[str] = []
    position = 0
    while position < len(text):
        end, found = max(_fitting(text, position), default=(position, _FILLING), key=lambda each: each[0])
        if end == position:
            separator = _SEPARATORS.match(text, position)
            if separator is None:
                return _Parsed(tuple(meanings), _SEPARATORS.split(text[position:], maxsplit=1)[0])
            end = separator.end()
        elif found != _FILLING:
            meanings.append(found)
        position = end
    return _Parsed(tuple(meanings), "")


def _fitting(text: str, position: int) -> list[tuple[int, str]]:
    """Where the words that begin at ``position`` end, with their meanings; a word of letters matches as a whole."""
    return [
        (found.end(), meanings)
        for meanings, pattern in _TOKENS
        if (found := pattern.match(text, position)) is not None
        and not (_LETTER.match(text, found.end()) and _LETTER.match(text, found.end() - 1))
    ]


def is_russian(words: str) -> bool:
    """Whether the words are Russian, as operations of 1520 reports are."""
    return re.search(r"[а-я]{2}", words, re.IGNORECASE) is not None


_NEEDED: Mapping[str, dict[str, Any]] = {"train_held": {"reason": "OTHER"}}


@dataclass(frozen=True, slots=True)
class Sighting:
    """Whom a line is about, in the order of objects: ``key`` names it in ids."""

    key: str
    objects: list[dict[str, str]]


def operation(document: Document, entry: Entry) -> str:
    """The operation of a line (``read``); raises Refusal where it is not known."""
    words = entry.joined("event.operation")
    if not words:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The row does not say what happened.",
            str(entry.where("event.operation")),
            "Give 动态, Операция or Status.",
        )
    found = read(words, lambda text: document.choice(f"status:{text}"))
    if found is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The status {words[:40]!r} is not known, or says several things{_rest(words)}.",
            str(entry.where("event.operation")),
            f'Declare the choice "status:{words[:40]}" as one of {", ".join(sorted(EVENTS))}, or none.',
        )
    return found


def _rest(words: str) -> str:
    rest = not_understood(words)
    return f": {rest[:40]!r} is not understood" if rest else ""


def at(document: Document, entry: Entry, meaning: str, what: str) -> Moment:
    """The time of a line in the column ``meaning``; raises Refusal where there is none, or a day alone."""
    moment = document.moment_of(entry, meaning)
    where = entry.where(meaning)
    if moment is None:
        raise Refusal(
            Reason.INVALID_TIME,
            f"The row does not say when {what} was.",
            str(where),
            "Give its date and time (动态时间, Дата операции, Time).",
        )
    return event_builder.require_time(document, moment, where, what)


def where_of(document: Document, entry: Entry, *meanings: str) -> str:
    """The first known place of a line in the columns ``meanings``; raises Refusal where there is none."""
    for meaning in meanings:
        found = event_builder.place(document, entry, meaning)
        if found is not None:
            return found
    raise Refusal(
        Reason.INVALID_SCHEMA,
        "The place of the row is not known.",
        str(entry.where(meanings[0])),
        "Write the station with its ESR code or UN/LOCODE.",
    )


def sighted(
    document: Document,
    entry: Entry,
    about: Sighting,
    what: str,
    moment: Moment,
    place: str,
    created: str,
    meaning: str = "event.operation",
    *,
    words: Iterable[str] = (),
    classifier: str = "ACT",
) -> Record:
    """The event ``movement.<what>`` of a line. Raises Refusal where the time is later than the making of the list, or the gauges
    of a transfer are ambiguous.
    """
    where = entry.where(meaning)
    if what.startswith("none"):
        return PassedOver(entry.here, f"{entry.joined(meaning)[:60]}: {what.partition(':')[2]}")
    if classifier == "ACT":
        moment = event_builder.require_past(created, moment, where, "it")
    destination = places.find(entry.value("place.destination"))
    if what == "arrived" and destination == place:
        what = "arrived_at_destination"
    if what == "unloaded" and destination is not None and destination != place:
        return PassedOver(entry.here, "unloaded on the way, which is no event of its own")
    data: dict[str, Any] = {
        **event_builder.time_fields(moment, classifier),
        "place": place,
        "objects": about.objects,
        **_NEEDED.get(what, {}),
        "remark": event_builder.remark(*words),
    }
    if what == "transshipped":
        data.update(_gauges(document, place, destination, where))
    instant = format_micros(parse_micros(moment.instant))
    about_it = "/".join(part for part in (instant, "planned" if classifier != "ACT" else "") if part)
    return event_builder.draft(
        document, where, about.key, created, f"movement.{what}", data, about=about_it, remarks=entry.remarks
    )


def expected(
    document: Document, entry: Entry, about: Sighting, created: str, words: Iterable[str] = ()
) -> list[Record]:
    """The arrival at the destination as a line estimates it; nothing where it gives no day with time, or no place."""
    value = entry.value("train.plannedArrival")
    destination = event_builder.place(document, entry, "place.destination")
    if value is None or destination is None:
        return []
    try:
        moment = at(document, entry, "train.plannedArrival", "the expected arrival")
    except Refusal as refusal:
        text = f"The expected arrival was left out. {refusal.detail}"
        entry.remark("train.plannedArrival", text, refusal.remedy)
        return []
    if not event_builder.is_future(created, moment):
        return []  # it lies before the list: what became of it, the list's facts tell
    return [
        sighted(
            document, entry, about, "arrived_at_destination", moment, destination, created,
            "train.plannedArrival", words=words, classifier="EST",
        )
    ]  # fmt: skip


def _gauges(document: Document, place: str, destination: str | None, where: Position) -> dict[str, int]:
    found = gauges(place, destination, document.choice("direction").upper())
    if found is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "It cannot be told from which gauge to which the box was lifted there.",
            str(where),
            'Give the destination (到站, Станция назначения), or declare the choice "direction" as WEST or EAST.',
        )
    return {"gauge_from": found[0], "gauge_to": found[1]}


def gauges(place: str, destination: str | None, direction: str) -> tuple[int, int] | None:
    """The gauges before and after the border at ``place``, for cargo on its way to ``destination``; None for doubt.

    Of all corridors that pass the border there, and reach the destination behind it, every one must change alike.
    """
    here, goal = places.station(place), places.station(destination)
    if here is None or (goal is None and not direction):
        return None
    found = set()
    for corridor in railnet.corridors().values():
        if direction and not corridor.id.endswith(f"-{direction[:1]}"):
            continue
        for number, leg in enumerate(corridor.legs):
            crossing = railnet.crossings().get(leg.crossing or "")
            if crossing is None or here.id not in (
                crossing.a.station,
                crossing.b.station,
                crossing.transfer_at,
            ):
                continue
            sides = {side.station: side.gauge for side in (crossing.a, crossing.b)}
            behind = corridor.stations[number + 1 :]
            if goal is None or goal.id in behind:
                found.add((sides.get(leg.from_station), sides.get(leg.to_station)))
    changes = {pair for pair in found if None not in pair and pair[0] != pair[1]}
    if len(changes) != 1 or len(found) != 1:
        return None
    before, after = changes.pop()
    return (before, after) if before and after else None
