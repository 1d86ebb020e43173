"""Decisions: requests that come at the same time are decided and committed together, before any of them is answered.

The decision is not taken back where the answer fails: the same request again, under its key, gets the same decision.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import anyio.to_thread
import psycopg
from psycopg import Connection

from services.api.calls import Answer, BeginAgain, Call, PendingDecision
from services.api.context import Context
from services.api.problems import Problem
from services.financing.domain.documents import Papers
from services.financing.store.decision_service import CargoMoved
from services.financing.store.fingerprint_versions import KeyMissing
from services.financing.store.group_commit import GroupCommit, GroupFailed
from services.financing.store.keys import KeysMissing, PlatformKeys, read_keys
from services.ledger.storage.session import configure
from services.runtime.hsm import HsmFailed

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
                raise Problem("unavailable", "Financing decisions are not set up here.") from problem
        return found


def group_of(call: Call) -> GroupCommit:
    """What decides in this process; Problem unavailable where it has no keys."""
    keys = keys_of(call)
    context = call.context
    with _lock:
        found = _groups.get(context)
        if found is None:
            required = frozenset(context.settings.financing_registries)
            service = keys.decision_service(context.settings.network, required)
            found = _groups[context] = GroupCommit(service, partial(_connect, context))
        return found


def presents(call: Call, session: Connection[Any], financing: str, papers: Papers) -> bool:
    """Whether ``papers`` are those that the financing holds; Problem unavailable where this process lacks a key."""
    try:
        return group_of(call).service.presents(session, financing, papers)
    except KeyMissing as problem:
        raise Problem("unavailable") from problem


@asynccontextmanager
async def decision_group(context: Context) -> AsyncIterator[None]:
    """Give the session of the decisions back when the block ends."""
    try:
        yield
    finally:
        with _lock:
            group = _groups.pop(context, None)
        if group is not None:
            await anyio.to_thread.run_sync(group.close)


async def decide(call: Call, pending: PendingDecision) -> Answer:
    """The answer once the decision is recorded and committed; from the earlier decision for a repeated request.

    On the event loop the decision is committed with those of its group; on a worker thread it is taken in the request's own
    transaction. BeginAgain where the cargo moved under it, or the group failed. Problem unavailable where this process lacks a
    registry key that counts.
    """
    group = group_of(call)
    try:
        if call.has_session:
            ruling = group.service.decide(call.session, pending.ask, pending.on)
        else:
            ruling = await group.decided(pending.ask, pending.on)
    except (CargoMoved, GroupFailed) as changed:
        raise BeginAgain from changed
    except HsmFailed as problem:
        raise Problem("unavailable", "The key of decisions cannot be used; nothing was decided.") from problem
    except KeyMissing as problem:
        raise Problem(
            "unavailable", "The key of financing decisions is missing; nothing was decided."
        ) from problem
    return pending.answer(ruling)


def _connect(context: Context) -> Connection[Any]:
    """A session like those of the pool, beside them: each of those may be held by somebody who waits for a decision."""
    assert isinstance(context.pool.kwargs, dict)
    session = psycopg.connect(context.settings.dsn.get_secret_value(), **context.pool.kwargs)
    configure(session)
    return session


def idempotency(call: Call) -> str:
    """The bank's own name of its request, under which a repetition is known for ever."""
    return call.request.headers["idempotency-key"]
