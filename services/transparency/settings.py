"""Settings of the processes of the transparency log, from LIANYUN_* variables."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from services.runtime.connections import Connections
from services.transparency.domain.policy import Policy

VERIFY_PAGE = Path(__file__).with_name("verify.html")
"""The page that verifies receipts and bundles in a browser, without a network."""


class TransparencySettings(Connections):
    """Settings of the sequencer and of the server of the log."""

    dsn: SecretStr = Field(description="URL of the database")
    transparency_key: Path = Field(
        Path(".lianyun") / "transparency-key.json",
        description="file with the log's origin and its private key",
    )
    transparency_policy: Path | None = Field(
        None,
        description="file with the log, its witnesses and their quorum (C2SP tlog-policy); unset: nobody cosigns",
    )
    transparency_tick: float = Field(0.5, gt=0, description="seconds between two steps")
    transparency_entries: int = Field(8192, gt=0, le=65_536, description="entries of one step at most")
    transparency_patience: float = Field(
        1.0, gt=0, description="seconds that a step waits for the witnesses at most"
    )
    transparency_stuck_after: float = Field(
        60.0, gt=0, description="seconds after which a step that has not ended counts as stuck"
    )
    transparency_metrics_host: str = "127.0.0.1"
    transparency_metrics_port: int | None = Field(
        None, ge=0, le=65_535, description="0: any free port; unset: none"
    )
    transparency_host: str = "127.0.0.1"
    transparency_port: int = Field(8490, ge=0, le=65_535, description="where the log is served")

    def policy(self) -> Policy | None:
        """The policy of the file, if one is set; OSError, Malformed."""
        path = self.transparency_policy
        return None if path is None else Policy.parse(path.read_bytes())
