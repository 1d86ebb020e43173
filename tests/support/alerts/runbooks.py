"""The runbooks as files, and the commands and statements that stand in them.

Those for an alert are read: their commands must be commands. The others are walked through, block by block.
"""

from __future__ import annotations

import re
from pathlib import Path

from services.monitoring.alerting.alerts import RUNBOOKS
from services.monitoring.alerting.rules import all_alerts
from services.monitoring.artefacts import ROOT

FILES = sorted(file for file in (ROOT / RUNBOOKS).glob("*.md") if file.name != "README.md")
ALERTS = [file for file in FILES if f"{RUNBOOKS}/{file.name}" in {alert.runbook for alert in all_alerts()}]
PROCEDURES = [file for file in FILES if file not in ALERTS]
_STANDS_FOR = {"PARTITION": "0", "OFFSET": "0", "PID": "0"}


def commands(file: Path) -> list[str]:
    """Every `lianyun ...` that no walk runs, with numbers where numbers belong."""
    text = file.read_text()
    found = [] if file in PROCEDURES else re.findall(r"```\n(.*?)```", text, re.DOTALL)
    blocks = [line.strip() for block in found for line in block.splitlines()]
    inline = re.findall(r"`(lianyun [^`]+)`", re.sub(r"```\n.*?```", "", text, flags=re.DOTALL))
    told = [*(line for line in blocks if line.startswith("lianyun ")), *inline]
    return [" ".join(_STANDS_FOR.get(word, word) for word in command.split(" ")) for command in told]


def statements(file: Path) -> list[str]:
    """Every statement that is given to psql."""
    found = re.findall(r'psql "\$LIANYUN_DSN" -c "([^"]+)"', file.read_text())
    return [re.sub(r"\bPID\b", "0", statement) for statement in found]
