"""Qualifiers that change the meaning of text beside them: negations, cancellations, plans, doubts, and damage or its denial.

Damage beside a qualifier that may deny it is neither stated nor denied: such a cell is refused.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from schemas.reasons import Reason, Refusal

# They are searched only in text outside the vocabularies: the remarks of a line, its title, and text beside a known label. They
# never make a fact; they prevent a known word beside them from making one.

_WORD: Final = r"(?<![^\W\d_])"
_QUALIFIER: Final = re.compile(
    r"[未没不无非否待拟约]|取消|作废|撤销|撤回|退回|预计|预报|计划|暂|延迟|延误|推迟|应[到发]|最晚|最早|截止|要求|申请|大概|左右|疑似|[?~≈]"
    rf"|{_WORD}(?:не|нет|без|ни)(?![^\W\d_])|{_WORD}(?:отмен|отказ|ожида|планов|планир|прогноз|расч[её]т|предварит|предпол|аннулир|снят|якобы)"
    rf"|{_WORD}(?:план|примерно)(?![^\W\d_])"
    rf"|{_WORD}(?:not|non|never|without|est|eta|etd|tbc|tbd|void|due|draft|latest|earliest|about)(?![^\W\d_])"
    rf"|{_WORD}(?:cancel|plan|expect|estimat|schedul|pending|request|propos|approx|withdraw|forecast|target|annul)"
    rf"|{_WORD}(?:geplant|voraussichtlich|nicht|kein|soll|storniert|abgesagt|erwartet|nie|anulowan|odwołan|przewidyw|oczekiw)",
    re.IGNORECASE,
)
_NAMES: Final = re.compile(r"无锡|无为|无棣|不来梅|不莱梅|不丹|非洲|约旦|待王")
"""Places whose names have such a character."""
_DENIAL: Final = re.compile(
    r"[未没不无非否待]|取消|疑似|可能|[?]"
    rf"|{_WORD}(?:не|нет|без|ни)(?![^\W\d_])|{_WORD}(?:отмен|отсутств|возможн|предпол)"
    rf"|{_WORD}(?:not|non|never|without|maybe|possible)(?![^\W\d_])|{_WORD}no(?![^\W\d_]|\s*[.\d])|{_WORD}(?:cancel|suspect)",
    re.IGNORECASE,
)
_PLANNED: Final = re.compile(
    rf"计划|预计|预报|预配|{_WORD}(?:план(?![^\W\d_])|планов|предварит|прогноз|plan(?:ned|s)?(?![^\W\d_])|expected|forecast|geplant)",
    re.IGNORECASE,
)
_VOID: Final = re.compile(
    rf"作废|取消|撤销|废止|停运|停开|停发|草稿|{_WORD}(?:аннулир|отмен|недейств|черновик)|{_WORD}(?:cancel|void|withdrawn|draft)(?!s?[а-я])",
    re.IGNORECASE,
)
_TAKING_BACK: Final = re.compile(
    r"退舱|撤舱|退订|作废|取消|撤销|停运|停开|停发|[未不](?:装|发|运|走)|甩(?:箱|柜|下|车)"
    r"|отмен|аннулир|снят\w*\s+с\s|не\s+(?:погруж|отправ|вывез|принят)|отказ"
    rf"|cancel|{_WORD}(?:withdrawn|void(?:ed)?|not\s+(?:loaded|shipped|departed|sent|delivered|moved))(?![^\W\d_])",
    re.IGNORECASE,
)
"""Words by which a line may be taken back, as a hint only: "未取消" has one too."""
_OF_OTHER_THINGS: Final = re.compile(
    r"取消(?:查验|布控|扣留)|[未不](?:装满|发现|发生)\w*|cancell?ation\s+fees?(?:\s+paid)?", re.IGNORECASE
)
_TAKEN_BACK: Final = re.compile(
    r"(?:客户|客人|货主|已|订舱|装车|发运|班列|本箱|此箱|该箱|整票|全部)*(?:退舱|撤舱|退订|作废|取消|停运|停开|停发|未装|不装)(?:了|订舱|装车|发运|班列)?"
    r"|(?:(?:заявка|отправка|поезд|рейс|букинг)\s+)?(?:отмен[её]н[аоы]?|аннулирован[аоы]?)"
    r"|отмена(?:\s+(?:заявки|отправки|отправления|поезда|рейса))?|снят[аоы]?\s+с\s+(?:отправки|отправления|погрузки|поезда|плана|рейса)"
    r"|не\s+погружен[аоы]?|(?:(?:booking|train|order|line|shipment)\s+)?(?:is\s+|was\s+)?(?:cancell?ed|withdrawn|void(?:ed)?)",
    re.IGNORECASE,
)
_WHY: Final = re.compile(
    r"客户(?:原因|要求|通知)|по\s+(?:просьбе|заявке)\s+клиента|(?:by|at)\s+(?:the\s+)?(?:customer|client|shipper)(?:'s\s+request)?",
    re.IGNORECASE,
)
_CLAUSES: Final = re.compile(r"[\n,;、。()\[\]]+|\.(?=\s|$)")


def found(text: str) -> str:
    """The first qualifier in ``text`` that may change its meaning, "" where there is none."""
    hit = _QUALIFIER.search(_NAMES.sub(" ", _plain(text)))
    return hit.group() if hit else ""


def denial(text: str) -> str:
    """The first word of ``text`` that denies, cancels or doubts something, "" where there is none."""
    hit = _DENIAL.search(_plain(text))
    return hit.group() if hit else ""


def planned(title: str) -> str:
    """The word by which a title states a plan, "" where it has none."""
    hit = _PLANNED.search(_plain(title))
    return hit.group() if hit else ""


def void(title: str) -> str:
    """The word by which a title declares its list void, "" where it has none."""
    hit = _VOID.search(_OF_OTHER_THINGS.sub(" ", _plain(title)))
    return hit.group() if hit else ""


def taken_back(remarks: str) -> bool:
    """Whether the remarks of a line withdraw it and state nothing else; raises Refusal where that is ambiguous.

    取消 alone withdraws it, 取消查验 (no inspection) does not; 未取消 or "取消，已恢复" are ambiguous.
    """
    text = _plain(remarks)
    if not _TAKING_BACK.search(_OF_OTHER_THINGS.sub(" ", text)):
        return False
    clauses = [clause.strip() for clause in _CLAUSES.split(text) if clause.strip()]
    back = [clause for clause in clauses if _TAKEN_BACK.fullmatch(clause)]
    other = [clause for clause in clauses if clause not in back and not _WHY.fullmatch(clause)]
    if back and not other:
        return True
    raise Refusal(
        Reason.INVALID_SCHEMA,
        f"The remark {text[:60]!r} may take the line back: {other[0][:40]!r} is not understood.",
        "",
        "Write 取消, отменён or cancelled alone to take the line back; else say it without such a word.",
    )


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


_DAMAGE: Final = re.compile(
    r"凹|损|破|变形|锈穿|漏|湿|вмятин|поврежд|пробо|деформ|разрыв|подмоч|damage|dent", re.IGNORECASE
)
_UNHARMED: Final = re.compile(
    r"(?:[无未没]|没有)(?:见|有|发现)?(?:明显)?(?:破损|货损|残损|损坏|损|凹陷|凹损|变形|破洞|漏水|湿损)|完好(?:无损)?|без\s+(?:видимых\s+)?повреждени\w*"
    r"|не\s+поврежд\w*|\bno (?:visible )?damages?\b|\bundamaged\b|\bnot damaged\b",
    re.IGNORECASE,
)
_OF_BOX: Final = re.compile(r"箱体|箱壁|箱门|箱顶|凹|вмятин|контейнер|пробо|dent|container", re.IGNORECASE)


def damage(words: str) -> bool:
    """Whether ``words`` state damage; "完好", "без повреждений" and the like state none. Raises Refusal where they may deny it."""
    rest = _UNHARMED.sub(" ", words)
    if _DAMAGE.search(rest) is None:
        return False
    require_plain(rest)
    return True


def require_plain(words: str) -> None:
    """Raise Refusal where ``words`` deny, cancel or doubt something, so that no known word in them can be taken as stated."""
    turned = denial(words)
    if turned:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"It is not clear what {words.strip()[:60]!r} says: {turned!r} stands in it.",
            "",
            "Write what was found in plain words, or 完好, без повреждений, no damage alone.",
        )


def unharmed(words: str) -> bool:
    """Whether ``words`` state that there is no damage."""
    return _UNHARMED.search(words) is not None


def of_container(words: str) -> bool:
    """Whether ``words`` are about the container rather than its cargo."""
    return _OF_BOX.search(words) is not None
