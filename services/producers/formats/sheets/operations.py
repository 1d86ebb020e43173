"""What the status words of tracking lists say, in Chinese, Russian and English, and the operations of 1520 reports.

A cell is understood as a whole or not at all: every word of it is in the vocabulary, and all of them say one thing. A word
of negation, of expectation or of cancellation beside a known word is never left out ("未签收" is not "签收"). A line whose
words say two things at once is for the partner to settle: nobody guesses whether "换装发车" means the lift or the departure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

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
    (says, re.compile(pattern)) for says, patterns in _VOCABULARY.items() for pattern in patterns
)
_SEPARATORS: Final = re.compile(r"[\s,;:.()\[\]【】、。/|\-–—'\"«»]")
_LETTER: Final = re.compile(r"[a-zа-я0-9]")
EVENTS: Final = frozenset(
    says for says in _VOCABULARY if says and says not in (_STANDING, _MOVING) and ":" not in says
) | {_POSITION}
"""What a word may say; a partner declares one of these, or ``none``, for a word of its own."""


class _Parsed(NamedTuple):
    says: tuple[str, ...]  # in the order of the cell, without what only fills
    rest: str  # the first piece that is in no vocabulary, as far as the next separator


def read(words: str, chosen: Callable[[str], str]) -> str | None:
    """The event that ``words`` say, ``none:`` and why, or None where they say nothing known or several things.

    ``chosen`` gives what the partner declared for words of its own.
    """
    declared = chosen(words)
    if declared:
        return declared if declared in EVENTS else "none:declared as none" if declared == "none" else None
    parsed = _parse(words)
    return None if parsed.rest else _meaning(parsed.says)


def not_understood(words: str) -> str:
    """The piece of ``words`` that is in no vocabulary; "" where each word is known and only their sum says nothing."""
    return _parse(words).rest


def _meaning(says: tuple[str, ...]) -> str | None:
    if not says:
        return None
    if _RECORD in says:
        return _RECORD if not {_EXPECTED, _NEGATED} & set(says) else None
    if says[0] in (_EXPECTED, _NEGATED):
        beside = set(says[1:])  # one event at most: of "не прибыл, отправлен" only the first word is denied
        whole = len(beside) == 1 or (not beside and says[0] == _EXPECTED)
        return says[0] if whole and not beside & {_EXPECTED, _NEGATED} else None
    several = list(dict.fromkeys(says))
    if len(several) > 1 and _MOVING in several:
        several.remove(_MOVING)  # "departed, in transit"
    if len(several) != 1 or several[0] in (_EXPECTED, _NEGATED):
        return None
    return _POSITION if several[0] in (_STANDING, _MOVING) else several[0]


@lru_cache(maxsize=20_000)
def _parse(words: str) -> _Parsed:
    text = unicodedata.normalize("NFKC", words).casefold().replace("ё", "е")
    text = re.sub(r"\s+", " ", text)
    says: list[str] = []
    position = 0
    while position < len(text):
        end, found = max(_fitting(text, position), default=(position, _FILLING), key=lambda each: each[0])
        if end == position:
            separator = _SEPARATORS.match(text, position)
            if separator is None:
                return _Parsed(tuple(says), _SEPARATORS.split(text[position:], maxsplit=1)[0])
            end = separator.end()
        elif found != _FILLING:
            says.append(found)
        position = end
    return _Parsed(tuple(says), "")


def _fitting(text: str, position: int) -> list[tuple[int, str]]:
    """Where the words that begin at ``position`` end, and what they say; a word of letters is one as a whole."""
    return [
        (found.end(), says)
        for says, pattern in _TOKENS
        if (found := pattern.match(text, position)) is not None
        and not (_LETTER.match(text, found.end()) and _LETTER.match(text, found.end() - 1))
    ]


def is_russian(words: str) -> bool:
    """Whether the words are Russian, as operations of 1520 reports are."""
    return re.search(r"[а-я]{2}", words, re.IGNORECASE) is not None
