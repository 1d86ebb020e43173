"""Webhooks of the caller: their addresses, event types, secrets and deliveries."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from pydantic import Field

from schemas.reasons import Refusal
from schemas.rfc3339 import format_micros, parse_micros
from services.api.auth.permissions import Needs, Scope
from services.api.calls import LARGEST_PAGE, Answer, Call, etag, page
from services.api.problems import Problem
from services.api.requests.webhooks import ChangedWebhook, NewWebhook, Replay, Rotation
from services.api.responses.webhooks import (
    Deliveries,
    Queued,
    Secrets,
    Webhook,
    WebhookList,
)
from services.api.router import Routes
from services.notifications.webhooks import queue, subscriptions
from services.notifications.webhooks.address import BadUrl, require_url
from services.notifications.webhooks.messages import MessageType
from services.notifications.webhooks.sealed_secrets import Seal, SealError
from services.notifications.webhooks.signature import SchemeName
from services.notifications.webhooks.subscriptions import State, Subscription, TooMany

routes = Routes("webhooks")
NEEDS = Needs(Scope.WEBHOOKS_MANAGE, foreign="absent")


@routes.post("/v1/webhooks", NEEDS, answers=Webhook, status=201, problems=("invalid", "conflict"))
def create(call: Call, new: NewWebhook) -> Answer:
    """Make a webhook. Its secrets are made with it: read them at /v1/webhooks/{id}/secrets."""
    _require_url(call, new.url)
    types = [MessageType(each) for each in new.types]
    try:
        made, _ = subscriptions.create(
            call.session, call.party.code, new.url, types, new.description, _seal(call), call.now
        )
    except TooMany as problem:
        raise Problem("conflict", f"{problem}.") from None
    return _answer(made, 201, {"location": f"/v1/webhooks/{made.id}"})


@routes.get("/v1/webhooks", NEEDS, answers=WebhookList)
def listed(call: Call) -> Answer:
    """The webhooks of the caller, and how they fare: all on one page."""
    items = [
        {
            **_plain(each),
            "failing_since": _moment(each.failing_since),
            "last_success": _moment(each.last_success),
        }
        for each in subscriptions.list_for_party(call.session, call.party.code)
    ]
    return page(call, "webhooks", items, None)


@routes.get("/v1/webhooks/{id}", NEEDS, answers=Webhook, problems=("not-found",))
def one(call: Call, id: str) -> Answer:
    """A webhook of the caller."""
    found = _one(call, id)
    return Answer(_plain(found), etag=_version(found))


@routes.put(
    "/v1/webhooks/{id}", NEEDS, answers=Webhook, problems=("not-found", "invalid", "precondition-failed")
)
def change(call: Call, id: str, changed: ChangedWebhook) -> Answer:
    """Change, pause or enable a webhook; with If-Match only if nobody else did meanwhile. Enabled, what waited is told."""
    found = _one(call, id)
    given = call.request.headers.get("if-match")
    if given is not None and given != _tag(found):
        raise Problem("precondition-failed")
    if changed.url is not None:
        _require_url(call, changed.url)
    done = subscriptions.change(
        call.session,
        found,
        call.now,
        url=changed.url,
        types=None if changed.types is None else [MessageType(each) for each in changed.types],
        description=changed.description,
        state=None if changed.state is None else State(changed.state),
    )
    if done is None:
        raise Problem("precondition-failed", "Somebody else changed it at the same time.")
    return _answer(done)


@routes.delete("/v1/webhooks/{id}", NEEDS, status=204, problems=("not-found",))
def remove(call: Call, id: str) -> Answer:
    """Remove a webhook, its secrets and its deliveries."""
    if subscriptions.change(call.session, _one(call, id), call.now, state=State.REMOVED) is None:
        raise Problem("conflict", "Somebody else changed it at the same time.")
    return Answer(None, 204)


@routes.get(
    "/v1/webhooks/{id}/secrets", NEEDS, answers=Secrets, problems=("not-found", "webhooks-unavailable")
)
def secrets(call: Call, id: str) -> Answer:
    """What the receiver verifies deliveries with."""
    found = _one(call, id)
    try:
        known = subscriptions.verification_keys(call.session, found.id, _seal(call), call.now)
    except SealError:
        raise Problem("webhooks-unavailable") from None
    return Answer(
        {
            "items": [
                {
                    "scheme": str(each.scheme),
                    "key": each.shown,
                    "created": format_micros(each.created),
                    "expires": _moment(each.expires),
                }
                for each in known
            ]
        },
        headers={"cache-control": "no-store"},
    )


@routes.post(
    "/v1/webhooks/{id}/secrets", NEEDS, answers=Webhook, problems=("not-found", "webhooks-unavailable")
)
def rotate(call: Call, id: str, rotation: Rotation) -> Answer:
    """Make a new secret of a scheme. The one before it signs too until the overlap ends; read both at .../secrets."""
    found = _one(call, id)
    scheme = SchemeName(rotation.scheme)
    subscriptions.rotate(call.session, found.id, scheme, _seal(call), call.now, rotation.overlap_seconds)
    return _answer(found)


@routes.post("/v1/webhooks/{id}/test", NEEDS, answers=Queued, status=202, problems=("not-found", "conflict"))
def test(call: Call, id: str) -> Answer:
    """Tell this endpoint a message of type webhook.test.v1."""
    found = _enabled(_one(call, id))
    message = subscriptions.enqueue_test(call.session, found, call.now)
    return Answer({"queued": 1, "message": message.id}, 202)


@routes.post(
    "/v1/webhooks/{id}/replay",
    NEEDS,
    answers=Queued,
    status=202,
    problems=("not-found", "invalid", "conflict"),
)
def replay(call: Call, id: str, wanted: Replay) -> Answer:
    """Tell again all that was to be told from a moment on, as far as messages are kept; each under its own id."""
    found = _enabled(_one(call, id))
    try:
        since = parse_micros(wanted.since)
    except Refusal as refusal:
        raise Problem("invalid", refusal.detail, pointer="/since") from None
    return Answer({"queued": queue.replay(call.session, found.id, since, call.now), "message": None}, 202)


@routes.get(
    "/v1/webhooks/{id}/deliveries", NEEDS, answers=Deliveries, problems=("not-found", "cursor-invalid")
)
def deliveries(
    call: Call,
    id: str,
    state: Literal["WAITING", "DELIVERED", "DEAD"] | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = 50,
) -> Answer:
    """Messages and how their deliveries went, the latest news first; DEAD ones were given up and can be replayed."""
    found = _one(call, id)
    kind = f"deliveries {found.id}"
    after = call.cursor(cursor, kind)
    before = None if after is None else (int(after[0]), str(after[1]))
    found_deliveries = queue.deliveries(call.session, found.id, state, before, limit)
    last = [found_deliveries[-1].at, found_deliveries[-1].message] if len(found_deliveries) == limit else None
    return page(call, kind, [_delivery(each) for each in found_deliveries], last)


def _one(call: Call, id: str) -> Subscription:
    found = subscriptions.find(call.session, call.party.code, id)
    if found is None:
        raise Problem("not-found")
    return found


def _enabled(found: Subscription) -> Subscription:
    if found.state is not State.ENABLED:
        raise Problem("conflict", f"The webhook is {found.state}: {found.reason}. Enable it first.")
    return found


def _require_url(call: Call, url: str) -> None:
    try:
        require_url(url, call.context.settings.webhook_loopback)
    except BadUrl as problem:
        raise Problem("invalid", str(problem), pointer="/url") from None


def _seal(call: Call) -> Seal:
    try:
        return call.context.settings.seal()
    except SealError:
        raise Problem("webhooks-unavailable") from None


def _answer(found: Subscription, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(_plain(found), status, {**(headers or {}), "etag": _tag(found)})


def _version(found: Subscription) -> list[Any]:
    """What a change of the webhook changes; how deliveries go does not."""
    return [found.id, found.version, str(found.state)]


def _tag(found: Subscription) -> str:

    return etag(orjson.dumps(_version(found)))


def _plain(found: Subscription) -> dict[str, Any]:
    return {
        "id": found.id,
        "url": found.url,
        "types": [str(each) for each in found.types],
        "description": found.description,
        "state": str(found.state),
        "reason": found.reason or None,
        "created": format_micros(found.created),
    }


def _delivery(each: queue.DeliveryRecord) -> dict[str, Any]:
    return {
        "message": each.message,
        "type": each.type,
        "timestamp": format_micros(each.at),
        "state": each.state,
        "attempts": each.attempts,
        "next_attempt": _moment(each.due),
        "last_attempt": _moment(each.last_attempt),
        "status": each.status,
        "detail": each.detail,
    }


def _moment(micros: int | None) -> str | None:
    return None if micros is None else format_micros(micros)
