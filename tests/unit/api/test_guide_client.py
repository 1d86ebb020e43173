"""The client that the guide to the API shows is the example that is run against a running platform, and as short as it says."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_guide_shows_the_example_client_in_twenty_lines() -> None:
    (shown,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "guides" / "api.md").read_text(encoding="utf-8"), re.DOTALL
    )
    example = (ROOT / "examples" / "ask.py").read_text(encoding="utf-8")
    lines = [line for line in shown.splitlines() if line.strip()]
    assert lines == [line for line in example[example.index("url, client") :].splitlines() if line.strip()]
    assert len(lines) <= 20
    assert not re.search(r"^(from|import) ", shown, re.MULTILINE)
