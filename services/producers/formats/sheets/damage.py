"""Whether words of a list tell damage, and how they are said: lists tell damage, but not how severe it is."""

from __future__ import annotations

import re
from typing import Final

from services.producers.formats.sheets.document import Document
from services.producers.formats.sheets.section import Entry

_DAMAGE: Final = re.compile(
    r"凹|损|破|变形|锈穿|漏|湿|вмятин|поврежд|пробо|деформ|разрыв|подмоч|damage|dent", re.IGNORECASE
)
_UNHARMED: Final = re.compile(
    r"无(?:破|货|残)?损|未(?:见)?(?:破损|损坏)|完好|без\s+повреждени\w*|не\s+поврежд\w*|no damage|undamaged",
    re.IGNORECASE,
)
_OF_BOX: Final = re.compile(r"箱体|箱壁|箱门|箱顶|凹|вмятин|контейнер|пробо|dent|container", re.IGNORECASE)


def told(words: str) -> bool:
    """Whether ``words`` tell damage; "完好", "без повреждений" and the like tell none."""
    return _DAMAGE.search(_UNHARMED.sub("", words)) is not None


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
