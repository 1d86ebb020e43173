"""The desk behind the API: one request is decided in the transaction of its answer."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from services.api.calls import BeginAgain, Call
from services.api.context import Context
from services.api.problems import Problem
from services.core.objects import Thing
from services.processors.financing.asking import Ask
from services.processors.financing.rulings import Ruling
from services.processors.financing.store.desk import CargoMoved, Desk
from services.processors.financing.store.opening import KeysMissing, PlatformKeys, read_keys
from services.processors.financing.store.versions import KeyMissing

_keys: WeakKeyDictionary[Context, PlatformKeys] = WeakKeyDictionary()
_desks: WeakKeyDictionary[Context, Desk] = WeakKeyDictionary()
_lock = threading.Lock()


def keys_of(call: Call) -> PlatformKeys:
    """The platform's keys, read once a process; Problem unavailable where there are none."""
    with _lock:
        found = _keys.get(call.context)
        if found is None:
            try:
                found = _keys[call.context] = read_keys(call.context.settings.financing_keys)
            except KeysMissing as problem:
                raise Problem("unavailable", "The desk for financing is not set up here.") from problem
        return found


def desk_of(call: Call) -> Desk:
    """The desk of this process; Problem unavailable where it has no keys."""
    keys = keys_of(call)
    with _lock:
        found = _desks.get(call.context)
        if found is None:
            settings = call.context.settings
            required = frozenset(settings.financing_registries)
            found = _desks[call.context] = keys.desk(settings.network, required)
        return found


def decided(call: Call, ask: Ask, on: Sequence[Thing] = ()) -> Ruling:
    """The decision on ``ask``, recorded in the transaction of the call; the earlier one for a repeated request.

    BeginAgain where the cargo moved under it: what was locked for another cargo is let go. Problem unavailable where this
    process lacks a registry key that counts.
    """
    try:
        return desk_of(call).decide(call.session, ask, on)
    except CargoMoved as moved:
        raise BeginAgain(call) from moved
    except KeyMissing as problem:
        raise Problem("unavailable", "The desk for financing lacks a key; nothing was decided.") from problem


def idempotency(call: Call) -> str:
    """The bank's own name of its request, under which a repetition is known for ever."""
    return call.request.headers["idempotency-key"]
