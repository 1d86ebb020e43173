"""Every route of the API with who sees what behind it: the table that ``test_permissions.py`` walks through.

A route without a row fails the test. ``own`` is asked by everybody in ``PARTIES``; whoever is not in ``sees`` must be answered
exactly as for ``absent``. A list that leaves foreign things out says so with ``lists``.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.calling import hooks
from tests.calling.cast import BOX
from tests.calling.row import Row as Row

PARTIES = (
    "xaport", "silk", "optic", "textil", "toys", "ruhr", "cr", "dit", "abank", "bbank", "court", "gacc", "depl", "stranger",
    "hull",
)  # fmt: skip
_XA1 = frozenset({"xaport", "silk", "optic", "ruhr", "cr", "dit", "gacc", "abank"})


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
    **hooks.rows(PARTIES),
}
