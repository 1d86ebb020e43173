"""What the status words of tracking lists say, in Chinese, Russian and English, and the operations of 1520 reports.

A word is one event or none. A line whose words say two things at once, or something not known, is for the partner to
settle: nobody guesses whether "换装发车" is told for the lift or for the departure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_WORDS: Final = tuple(
    (says, re.compile(pattern, re.IGNORECASE))
    for says, pattern in (
        # Of the record, not of the cargo: КОРВ (corrected), ИСКП (excluded).
        ("none:a correction or exclusion of the record", r"\bкорв\b|\bискп?л?\b|исключен|корректировк"),
        ("none:expected, not happened", r"预计|预到|计划|拟|即将|ожида\w+ прибыт|планир|прогноз|\bexpected\b|\bplanned\b|\beta\b"),
        ("none:not happened yet", r"未[到发装换提出进还]\w?|\bnot yet\b|не (?:прибыл|отправлен|погружен|выдан)"),
        ("position_reported", r"[待等](?:待)?(?:换装|发车|装车|卸车|提箱|提柜|提货|放行|排车|计划)|换装中|\bawaiting\s+\w+|ожида\w+(?: \w+)?"),
        ("train_held", r"保留列车|弃置|\bброс\b|отставлен\w* от движения|брошен|\btrain (?:set aside|held)\b|\(92\)"),
        ("train_resumed", r"поднят\w*|\bподнт\b|\btrain resumed\b|\(93\)"),
        ("wagon_broken", r"甩车|故障|扣修|отцеплен|неисправн|в нерабочий парк|\bотцп\b|\bbad order\b|\bwagon broken\b"),
        ("wagon_restored", r"修竣|из ремонта|в рабочий парк|\brepaired\b"),
        ("arrived_at_destination", r"(?:已?到达|抵达|已到|到)(?:目的|终点|终到)[地站港]?|прибы\w* на (?:станцию|ст\.?) ?назначени\w*|\barriv\w* (?:at )?(?:the )?(?:destination|final \w+)|\bat destination\b"),
        ("transshipped", r"(?:已|完成)?换装(?:完毕|完成)?|换轨|перегру(?:ж|з)\w*|\btrans-?ship\w*|\btransload\w*"),
        ("empty_returned", r"还箱|还空箱?|空箱(?:返还|归还)|\bempty return\w*|\breturned empty\b|возврат порожн\w*|сдан\w* порожн\w*"),
        ("gated_out", r"已?提[箱柜货]|出场|\bgated?[ -]?out\b|\bpicked up\b|вывез\w*|выдан\w*|вывоз\b"),
        ("gated_in", r"进场|入场|重箱进站|集港|\bgated?[ -]?in\b|завез\w*|завоз\b|принят\w* на терминал"),
        ("delivered", r"签收|送达|派送完成|\bdelivered\b|доставлен\w*|вручен\w*"),
        ("unloaded", r"卸车|卸箱|落地|\bunload\w*|выгру(?:ж|з)\w*|\bвыгр\d?\b"),
        ("loaded_on_wagon", r"已?装车|\bloaded\b|\bloading completed\b|погру(?:ж|з)\w*|\bпогр\d?\b"),
        ("departed", r"发车|已发[运出]?|开车|离站|离开|发出|发运|出境|离境|交出|移交|\bdepart\w*|\bleft\b|\bhanded over\b|отправл\w*|убы\w+|передан\w*|сдан\w*|\bотпр\b|\bсдач\b"),
        ("arrived", r"已?到达|抵达|到站|已到|入境|进境|接入|\barriv\w*|прибы\w*|\bприб\b|принят\w*|\bприм\b"),
        ("position_reported", r"途经|在?途中?|运行|行驶|经过|过境|滞留|停留|排队|在站|停放|\bin transit\b|\brunning\b|\bpass\w*|\bwaiting\b|\bqueu\w*|в пути|следу\w*|проследов\w*|простой|\bпрсл\b|\bпров\b|\bтр[нз]\w*\b"),
    )
)  # fmt: skip
EVENTS: Final = frozenset(says for says, _ in _WORDS if not says.startswith("none"))
"""What a word may say; a partner declares one of these, or ``none``, for a word of its own."""


def read(words: str, chosen: Callable[[str], str]) -> str | None:
    """The event that ``words`` say, ``none:`` and why, or None where they say nothing known or several things.

    ``chosen`` gives what the partner declared for words of its own. Words of one meaning are taken out before the next
    are looked for, so that "arrived at destination" is not also an arrival on the way.
    """
    declared = chosen(words)
    if declared:
        return declared if declared in EVENTS else "none:declared as none" if declared == "none" else None
    rest = words
    found: list[str] = []
    for says, pattern in _WORDS:
        rest, count = pattern.subn(" ", rest)
        if count:
            if says.startswith("none") and not found:
                return says
            found.append(says)
    several = list(dict.fromkeys(found))
    if len(several) > 1 and several[-1] == "position_reported":
        several.pop()  # "departed, in transit"
    return several[0] if len(several) == 1 else None


def is_russian(words: str) -> bool:
    """Whether the words are Russian, as operations of 1520 reports are."""
    return re.search(r"[а-я]{2}", words, re.IGNORECASE) is not None
