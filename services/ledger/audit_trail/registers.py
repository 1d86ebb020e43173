"""The registers that the audit trail covers: tables that change seldom, each with its key and every column that matters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

AUDITED = 39
"""The number of the migration from which on every row of a register has its entry."""


@dataclass(frozen=True, slots=True)
class Register:
    """A table of schema lianyun: its key, and of each column the expression of what is compared."""

    table: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    uncovered: tuple[str, ...] = ()
    """Columns that say how a process is getting on, and decide nothing."""

    @property
    def query(self) -> str:
        """Selects (key, columns by name) of every row."""
        said = ", ".join(f"'{name}', {expression}" for name, expression in self.columns.items())
        return f"SELECT concat_ws(' ', {', '.join(self.key)}), jsonb_build_object({said}) FROM lianyun.{self.table}"  # noqa: S608


def _of(table: str, key: str, columns: str, uncovered: str = "", **expressions: str) -> Register:
    named = {name: f'"{name}"' for name in columns.split()}
    return Register(table, tuple(key.split()), {**named, **expressions}, tuple(uncovered.split()))


def _digest(name: str) -> str:
    return f"encode(sha256({name}), 'hex')"


REGISTERS = (
    _of("registry_event", "version", "kind at by body"),
    _of("api_client", "id", "party scopes purposes certificate registered by revoked"),
    _of("api_client_key", "client kid", "jwk added by not_after"),
    _of("api_secret", "name", "", value=_digest("value")),
    _of(
        "credit_record",
        "no",
        "id reader purpose shipper given supersedes",
        body=_digest("convert_to(body, 'UTF8')"),
    ),
    _of(
        "migration",
        "number",
        "name checksum phase",
        applied="(extract(epoch FROM applied) * 1000000)::bigint",
    ),
    _of("access_log_opening", "id", "asked asked_by reason since until"),
    _of("access_log_approval", "opening", "approved approved_by expires"),
    _of("access_log_shown", "id", "opening at shown_to lines"),
    _of("financing_external", "financing registry at", "finding"),
    _of("financing_version", "number", "key_id normaliser open", uncovered="since"),
    _of("financing_acknowledged", "financing alert", "at client remark"),
    _of(
        "webhook_subscription",
        "id",
        "party url types description state reason created version",
        uncovered="failing_since last_success",
    ),
    _of(
        "webhook_secret",
        "no",
        "subscription scheme created expires",
        sealed=_digest("sealed"),
        public=_digest("public"),
    ),
    _of(
        "dead_letter_outcome",
        "no",
        "at by action outcome detail",
        digest="encode(digest, 'hex')",
    ),
    _of("platform_event", "no", "kind detail", at="(extract(epoch FROM at) * 1000000)::bigint"),
)
"""In the order in which a transaction that changes several enters them."""
LOGS = ("access_log", "access_log_sealed")
"""The tables whose rows stand in streams; the trail says of each only what older releases wrote."""
