"""Every route of the API with who sees what behind it: the table that ``test_permissions.py`` walks through.

A route without a row fails the test. ``own`` is asked by everybody in ``PARTIES``; whoever is not in ``sees`` must be answered
exactly as for ``absent``. A list that leaves foreign things out says so with ``lists``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.calling.cast import BOX

PARTIES = (
    "xaport", "silk", "optic", "textil", "toys", "ruhr", "cr", "dit", "abank", "bbank", "court", "gacc", "depl", "stranger",
    "hull",
)  # fmt: skip
_XA1 = frozenset({"xaport", "silk", "optic", "ruhr", "cr", "dit", "gacc", "abank"})


@dataclass(frozen=True)
class Row:
    """How a route is asked for something that belongs to some, for something that is not there, and who sees the former.

    ``status`` is what those get who see it. ``body`` is sent as JSON.
    """

    own: str
    absent: str
    sees: frozenset[str]
    lists: bool = False
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


ROWS: Mapping[tuple[str, str], Row] = {
    ("GET", "/v1/consignments"): Row(
        f"/v1/consignments?container={BOX}", "/v1/consignments?container=TBJU7000010", _XA1, lists=True
    ),
    ("GET", "/v1/consignments/{ref:path}/timeline"): Row(
        "/v1/consignments/xaport/XA-1/timeline", "/v1/consignments/xaport/none/timeline", _XA1
    ),
    ("GET", "/v1/consignments/{ref:path}"): Row(
        "/v1/consignments/xaport/XA-1", "/v1/consignments/xaport/none", _XA1
    ),
    ("GET", "/v1/access-log"): Row("/v1/access-log", "/v1/access-log", frozenset(PARTIES)),
}
