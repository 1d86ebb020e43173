"""The desk behind the API: what is asked at the same time is decided and committed together, before any of it is answered.

The decision is not taken back where the answer fails: the same request again, under its key, gets the same decision.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import anyio.to_thread
import psycopg
from psycopg import Connection

from services.api.calls import Answer, BeginAgain, Call, Undecided
from services.api.context import Context
from services.api.problems import Problem
from services.financing.store.decision_service import CargoMoved
from services.financing.store.fingerprint_versions import KeyMissing
from services.financing.store.group_commit import Alone, GroupCommit
from services.financing.store.keys import KeysMissing, PlatformKeys, read_keys
from services.ledger.storage.session import configure

_keys: WeakKeyDictionary[Context, PlatformKeys] = WeakKeyDictionary()
_groups: WeakKeyDictionary[Context, GroupCommit] = WeakKeyDictionary()
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


def group_of(call: Call) -> GroupCommit:
    """What decides in this process; Problem unavailable where it has no keys."""
    keys = keys_of(call)
    context = call.context
    with _lock:
        found = _groups.get(context)
        if found is None:
            required = frozenset(context.settings.financing_registries)
            desk = keys.desk(context.settings.network, required)
            found = _groups[context] = GroupCommit(desk, partial(_connect, context))
        return found


@asynccontextmanager
async def running(context: Context) -> AsyncIterator[None]:
    """Give the session of the decisions back when the block ends."""
    try:
        yield
    finally:
        with _lock:
            group = _groups.pop(context, None)
        if group is not None:
            await anyio.to_thread.run_sync(group.close)


def decided(call: Call, undecided: Undecided) -> Answer:
    """The answer once the decision is recorded and committed; from the earlier decision for a repeated request.

    BeginAgain where the cargo moved under it: what was locked for another cargo is let go. Problem unavailable where this
    process lacks a registry key that counts.
    """
    group = group_of(call)
    with _told(call):
        try:
            ruling = group.decide(undecided.ask, undecided.on)
        except Alone:
            ruling = group.desk.decide(call.session, undecided.ask, undecided.on)
    return undecided.answer(ruling)


async def decided_on_loop(call: Call, undecided: Undecided) -> Answer:
    """The same on the event loop; BeginAgain also where the group failed: ``decided`` then takes a transaction of its own."""
    group = group_of(call)
    with _told(call):
        try:
            ruling = await group.decided(undecided.ask, undecided.on)
        except Alone as alone:
            raise BeginAgain(call) from alone
    return undecided.answer(ruling)


@contextmanager
def _told(call: Call) -> Iterator[None]:
    """What the desk raises, as the API tells it."""
    try:
        yield
    except CargoMoved as moved:
        raise BeginAgain(call) from moved
    except KeyMissing as problem:
        raise Problem("unavailable", "The desk for financing lacks a key; nothing was decided.") from problem


def _connect(context: Context) -> Connection[Any]:
    """A session like those of the pool, beside them: each of those may be held by somebody who waits for a decision."""
    assert isinstance(context.pool.kwargs, dict)
    session = psycopg.connect(context.settings.dsn.get_secret_value(), **context.pool.kwargs)
    configure(session)
    return session


def idempotency(call: Call) -> str:
    """The bank's own name of its request, under which a repetition is known for ever."""
    return call.request.headers["idempotency-key"]
