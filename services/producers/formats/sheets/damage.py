"""Whether words of a list tell damage, and how they are said: lists tell damage, but not how severe it is.

Damage beside a word that may deny it is neither stated nor denied: such a cell is refused.
"""

from __future__ import annotations

import re
from typing import Final

from schemas.reasons import Reason, Refusal
from services.producers.formats.sheets import qualifiers
from services.producers.formats.sheets.document import Document
from services.producers.formats.sheets.section import Entry

_DAMAGE: Final = re.compile(
    r"凹|损|破|变形|锈穿|漏|湿|вмятин|поврежд|пробо|деформ|разрыв|подмоч|damage|dent", re.IGNORECASE
)
_UNHARMED: Final = re.compile(
    r"(?:[无未没]|没有)(?:见|有|发现)?(?:明显)?(?:破损|货损|残损|损坏|损|凹陷|凹损|变形|破洞|漏水|湿损)|完好(?:无损)?|без\s+(?:видимых\s+)?повреждени\w*"
    r"|не\s+поврежд\w*|\bno (?:visible )?damages?\b|\bundamaged\b|\bnot damaged\b",
    re.IGNORECASE,
)
_OF_BOX: Final = re.compile(r"箱体|箱壁|箱门|箱顶|凹|вмятин|контейнер|пробо|dent|container", re.IGNORECASE)


def told(words: str) -> bool:
    """Whether ``words`` tell damage; "完好", "без повреждений" and the like tell none. Raises Refusal where they may deny it."""
    rest = _UNHARMED.sub(" ", words)
    if _DAMAGE.search(rest) is None:
        return False
    require_plain(rest)
    return True


def require_plain(words: str) -> None:
    """Raise Refusal where ``words`` deny, cancel or doubt something, so that no known word in them can be taken as said."""
    turned = qualifiers.denial(words)
    if turned:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"It is not clear what {words.strip()[:60]!r} says: {turned!r} stands in it.",
            "",
            "Write what was found in plain words, or 完好, без повреждений, no damage alone.",
        )


def unharmed(words: str) -> bool:
    """Whether ``words`` say that there is none."""
    return _UNHARMED.search(words) is not None


def fields(
    document: Document, entry: Entry, meaning: str, words: str, *, of_box: bool = False
) -> dict[str, str]:
    """Severity and what is damaged, for ``movement.damaged``; the severity is a choice, remarked at ``meaning``."""
    severity = document.choice("damage.severity", "MINOR").upper()
    entry.remark(
        meaning,
        f"The list does not tell how severe the damage is; it was taken as {severity}.",
        'Declare the choice "damage.severity", or publish the survey.',
    )
    return {"severity": severity, "concerns": "CONTAINER" if of_box or _OF_BOX.search(words) else "CARGO"}
