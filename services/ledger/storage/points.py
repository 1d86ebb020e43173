"""Named fault points of a transaction, at which a test may stop, fail or kill the process.

A point does nothing unless a hook is installed. With a hook the writer does not pipeline its last statements, so that every
point is reached after the statements before it are executed. Points: ``after_fence``,
``holding_heads``, ``before_commit``, ``after_commit``.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Mapping

Hook = Callable[[str], None]
NAMES = ("after_fence", "holding_heads", "before_commit", "after_commit")
VARIABLE = "LIANYUN_CHAOS"

_hook: Hook | None = None


def install(hook: Hook | None) -> None:
    """Call ``hook`` with the name of each point that this process reaches; None removes the hook."""
    global _hook
    _hook = hook


def installed() -> bool:
    """Whether a hook is installed."""
    return _hook is not None


def reach(name: str) -> None:
    """Call the hook, if any, with the point ``name``."""
    if _hook is not None:
        _hook(name)


def install_from(environment: Mapping[str, str]) -> None:
    """Install the hook that ``LIANYUN_CHAOS`` describes, as ``point=action@chance`` joined by commas; ValueError where it is malformed.

    Actions: ``kill`` (SIGKILL to this process) and ``freeze`` (SIGSTOP). ``after_commit=kill@0.02`` kills at one
    commit in fifty.
    """
    plan = environment.get(VARIABLE, "")
    if plan:
        install(_killer(dict(_parse(part) for part in plan.split(","))))


def _parse(part: str) -> tuple[str, tuple[signal.Signals, float]]:
    point, equals, what = part.strip().partition("=")
    action, _, chance = what.partition("@")
    signals = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}
    if not equals or point not in NAMES or action not in signals:
        raise ValueError(f"{VARIABLE}: {part!r} is not point=kill@chance or point=freeze@chance ({NAMES})")
    return point, (signals[action], float(chance or 1.0))


def _killer(plan: Mapping[str, tuple[signal.Signals, float]]) -> Hook:
    # Chance by the operating system's entropy: every process of a run must differ.
    chance = random.SystemRandom()

    def hook(name: str) -> None:
        planned = plan.get(name)
        if planned is not None and chance.random() < planned[1]:
            os.kill(os.getpid(), planned[0])

    return hook
