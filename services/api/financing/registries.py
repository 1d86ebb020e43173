"""Other registries of financings, by the names under which the settings require them.

A registry joins by a row here and a class with ``ask`` (``services.processors.financing.external``). A name without one is
required all the same: it never answers, so nothing is paid.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType

from services.api.settings import ApiSettings
from services.processors.financing.external import Answer, ExternalRegistry, Finding, TestRegistry
from services.processors.financing.papers import Papers


def _test(settings: ApiSettings) -> ExternalRegistry:
    path = settings.financing_test_registry
    findings = {} if path is None else json.loads(path.read_text(encoding="utf-8"))
    return TestRegistry("test", {number: Finding(finding) for number, finding in findings.items()})


KNOWN: Mapping[str, Callable[[ApiSettings], ExternalRegistry]] = MappingProxyType({"test": _test})
"""How each registry that this release can ask is reached."""


def ask_all(settings: ApiSettings, papers: Papers, at: int) -> list[Answer]:
    """What every required registry says of ``papers``; blocks as long as they do. No answer is UNAVAILABLE."""
    return [
        KNOWN[name](settings).ask(papers, at) if name in KNOWN else Answer(name, Finding.UNAVAILABLE, at)
        for name in sorted(set(settings.financing_registries))
    ]
