"""Other registries of financings, by the names under which the settings require them.

A registry joins by a row here and a class with ``ask`` (``services.financing.domain.external_registries``). A name without one is
required all the same: it never answers, so nothing is paid.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType

from services.api.settings import ApiSettings
from services.financing.domain.documents import Papers
from services.financing.domain.external_registries import (
    ExternalRegistry,
    RegistryAnswer,
    RegistryFinding,
    TestRegistry,
)


def _test(settings: ApiSettings) -> ExternalRegistry:
    path = settings.financing_test_registry
    told = {} if path is None else json.loads(path.read_text(encoding="utf-8"))
    return TestRegistry("test", {number: RegistryFinding(finding) for number, finding in told.items()})


KNOWN: Mapping[str, Callable[[ApiSettings], ExternalRegistry]] = MappingProxyType({"test": _test})
"""How each registry that this release can ask is reached."""


def ask_all(settings: ApiSettings, papers: Papers, at: int) -> list[RegistryAnswer]:
    """What every required registry says of ``papers``; blocks as long as they do. No answer is UNAVAILABLE."""
    return [
        KNOWN[name](settings).ask(papers, at)
        if name in KNOWN
        else RegistryAnswer(name, RegistryFinding.UNAVAILABLE, at)
        for name in sorted(set(settings.financing_registries))
    ]
