"""Sending spooled events with an idempotent producer, recording acknowledgements, and diagnosing what could not be sent.

A send with an unknown outcome stays in the spool and is repeated with the same bytes, which the platform deduplicates.
"""

from __future__ import annotations

import contextlib
import difflib
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    AuthorizationError,
    InvalidTopicError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from services.producers.spool import Message, Spool

REFUSALS = (AuthorizationError, InvalidTopicError, MessageSizeTooLargeError)
"""What a broker says that it will say again tomorrow."""
_SAFE = "What was read is safe in the spool."


class BrokerUnreachable(Exception):
    """No broker answered; the events stay in the spool for the next run."""


class MessageRefused(Exception):
    """A broker answers and refuses messages for ``topic`` permanently; everything else was sent, the rest is in the spool.

    ``remedy`` is what to do; ``missing``: there is no such topic.
    """

    def __init__(self, topic: str, problem: str, remedy: str, missing: bool = False) -> None:
        super().__init__(f"{problem}. {_SAFE}")
        self.topic, self.remedy, self.missing = topic, remedy, missing


def unreachable_detail(bootstrap: str, security: Mapping[str, Any], patience: float) -> str:
    """Why ``bootstrap`` (host:port, separated by commas) does not answer, as far as a connection of our own shows.

    Blocks for up to ``patience`` seconds per address.
    """
    found = [_look(address.strip(), security, patience) for address in bootstrap.split(",")]
    if all(found):
        return f"no broker answered at {bootstrap} ({found[0]}). {_SAFE}"
    return (
        f"no broker answered at {bootstrap}, though something listens there: it still starts, it lets nobody in (a wrong SASL "
        f"password looks the same: check both LIANYUN_KAFKA_USER and its password), or it speaks TLS and we do not. {_SAFE}"
    )


def _look(address: str, security: Mapping[str, Any], patience: float) -> str:
    """The connection problem at ``address``; "" where it accepts connections and TLS, if used, is valid."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), patience) as plain:
            if "SSL" in str(security.get("security_protocol", "")):
                context = ssl.create_default_context(cafile=security.get("ssl_cafile"))
                context.check_hostname = bool(security.get("ssl_check_hostname", True))
                context.wrap_socket(plain, server_hostname=host.strip("[]")).close()
    except ssl.SSLCertVerificationError as problem:
        return f"{address} shows a certificate that LIANYUN_KAFKA_CA does not vouch for: {problem.verify_message}"
    except (OSError, ValueError) as problem:
        return f"{address}: {problem}"
    return ""


def refusal_of(
    refused: Mapping[str, KafkaError],
    names: Mapping[str, str],
    bootstrap: str,
    security: Mapping[str, Any],
    patience: float,
    party: str = "CODE",
) -> MessageRefused | None:
    """The permanent refusal among ``refused`` (error by topic) of ``party``'s; None where every message may be sent later.

    ``names`` holds the id of an event per topic. Describes topics without an answer at the broker; blocks for up to about three
    times ``patience`` seconds.
    """
    for topic, problem in refused.items():
        if isinstance(problem, MessageSizeTooLargeError):
            return MessageRefused(
                topic,
                f"the event {names.get(topic, '?')} is larger than the broker takes in {topic}",
                "say it in several records, or have the operator raise the topic's max.message.bytes",
            )
        if isinstance(problem, REFUSALS):
            return _not_allowed(topic, security, party)
    silent = [topic for topic, problem in refused.items() if not isinstance(problem, REFUSALS)]
    return _described(silent, bootstrap, security, patience, party) if silent else None


def _described(
    topics: Iterable[str], bootstrap: str, security: Mapping[str, Any], patience: float, party: str
) -> MessageRefused | None:
    milliseconds = max(100, int(patience * 1_000))
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap,
            **{**security, "bootstrap_timeout_ms": milliseconds, "request_timeout_ms": milliseconds},
        )
    except KafkaError:
        return None
    try:
        for described in admin.describe_topics(list(topics)):
            topic, code = described["name"], described["error_code"]
            if code == TopicAuthorizationFailedError.errno:
                return _not_allowed(topic, security, party)
            if code == UnknownTopicOrPartitionError.errno:
                near = difflib.get_close_matches(topic, admin.list_topics(), 3)
                others = f"; there is {', '.join(near)}" if near else ""
                return MessageRefused(
                    topic,
                    f"there is no topic {topic} at {bootstrap}{others}",
                    f"the operator makes it: lianyun partner add {party}; or set `topic` in the profile to the party's own "
                    f"(lianyun party show {party}): what waits follows it",
                    missing=True,
                )
    except KafkaError:
        return None
    finally:
        admin.close()
    return None


def _not_allowed(topic: str, security: Mapping[str, Any], party: str) -> MessageRefused:
    user = security.get("sasl_plain_username")
    return MessageRefused(
        topic,
        f"the broker lets {user or 'us'} write nothing to {topic}, or there is no such topic",
        "check `topic` in the profile and LIANYUN_KAFKA_USER; the operator makes and grants it: lianyun partner add "
        f"{party}, or lianyun topics apply --access where it is declared",
    )


IN_FLIGHT = 2_000
REQUEST_SECONDS = 10.0  # until a request without an answer counts as lost
DELIVERY_SECONDS = 30.0  # until the client gives up on a message, and it goes out anew from the spool
BLOCK_SECONDS = 5.0  # until a topic of which the broker says nothing is looked into
_LEAST_PATIENCE = 2.0  # a connection over a weak link takes its time to begin
_FIRST_PATIENCE = 5.0  # until somebody hears that no broker answers; then it is tried on for longer at a time
_LONGEST_PATIENCE = 30.0
_LOOK_SECONDS = 3.0

_InFlight = tuple[int, Message, Any]
"""A message that was given to the client: its number in the spool, itself, and its future."""


def connect(
    bootstrap: str, security: dict[str, object] | None = None, patience: float = 30.0
) -> KafkaProducer:
    """A producer that loses nothing silently; raises BrokerUnreachable after ``patience`` seconds without a broker."""
    try:
        return KafkaProducer(
            bootstrap_servers=bootstrap,
            enable_idempotence=True,
            acks="all",
            bootstrap_timeout_ms=int(patience * 1_000),
            linger_ms=10,
            batch_size=65_536,
            compression_type=None,
            max_block_ms=int(min(DELIVERY_SECONDS / 2, BLOCK_SECONDS) * 1_000),
            delivery_timeout_ms=int(DELIVERY_SECONDS * 1_000),
            request_timeout_ms=int(REQUEST_SECONDS * 1_000),
            reconnect_backoff_max_ms=1_000,  # kafka-python waits up to 30 s otherwise after a broker is back
            **(security or {}),
        )
    except KafkaError:
        raise BrokerUnreachable(
            unreachable_detail(bootstrap, security or {}, min(_LOOK_SECONDS, patience))
        ) from None


def drain(
    spool: Spool,
    bootstrap: str,
    *,
    patience: float = 120.0,
    security: dict[str, object] | None = None,
    progress: Callable[[int], None] = lambda _sent: None,
    stop: Callable[[], bool] = lambda: False,
    notice: Callable[[str], None] = lambda _problem: None,
    party: str = "CODE",
) -> int:
    """Send what ``party`` has waiting, repeatedly, until all is acknowledged, ``patience`` seconds pass without any success, or ``stop``.

    Returns how many were acknowledged. Raises BrokerUnreachable where no broker answered within ``patience``, or one answers and takes
    nothing; ``notice`` is called as soon as that is known. Raises MessageRefused, without waiting, where only messages that the broker refuses are
    left, or messages for a topic that does not exist.
    """
    last_success, total, unsent, looks = time.monotonic(), 0, Unsent(), 0
    trying = min(_FIRST_PATIENCE, max(patience, _LEAST_PATIENCE))
    while spool.counts()[0] and not stop():
        away: BrokerUnreachable | None = None
        sent, before = 0, unsent.found
        unsent.problems = {}
        try:
            producer = connect(bootstrap, security, trying)
            sent = _drain_once(spool, producer, lambda sent: progress(total + sent), stop, unsent)  # noqa: B023
        except BrokerUnreachable as problem:
            away = problem
            if trying == _FIRST_PATIENCE:
                notice(str(problem))
            trying = min(_LONGEST_PATIENCE, max(patience, _LEAST_PATIENCE))
        total += sent
        if sent:
            last_success = time.monotonic()
        if sent or unsent.found != before:
            continue
        unsent.problems.update(unsent.too_large)
        if unsent.problems:
            looks += 1
            look = min(_LOOK_SECONDS * looks, REQUEST_SECONDS)  # longer each time: the broker may be busy
            refusal = refusal_of(unsent.problems, unsent.names, bootstrap, security or {}, look, party)
            if refusal is not None:
                raise refusal
            if away is None:
                away = BrokerUnreachable(_taking_nothing(unsent.problems, bootstrap))
                if looks == 1:
                    notice(str(away))
        if time.monotonic() - last_success > patience:
            if away is not None:
                raise away
            break
        time.sleep(0.5)
    return total


def _taking_nothing(problems: Mapping[str, KafkaError], bootstrap: str) -> str:
    topic, problem = next(iter(problems.items()))
    return f"the broker at {bootstrap} takes nothing for {topic} ({type(problem).__name__}). {_SAFE}"


@dataclass(slots=True)
class Unsent:
    """Messages that could not be sent, by topic: the error, and the id of an event that is too large.

    One oversized event fails the whole batch of the client: batches shrink (``at_once``) until it is found; it is skipped from
    then on.
    """

    problems: dict[str, KafkaError] = field(default_factory=dict)
    too_large: dict[str, KafkaError] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    passed: set[int] = field(default_factory=set)
    at_once: int = IN_FLIGHT

    @property
    def found(self) -> tuple[int, int]:
        """Changes whenever the search for an oversized event advances."""
        return self.at_once, len(self.passed)

    def note(self, seq: int, message: Message, problem: KafkaError, alone: bool, at_once: int) -> None:
        """Record that ``message`` was not accepted; it was in flight ``alone`` or with others, at most ``at_once``."""
        if not isinstance(problem, MessageSizeTooLargeError):
            self.problems.setdefault(message.topic, problem)
        elif alone:
            self.passed.add(seq)
            self.too_large[message.topic] = problem
            self.names[message.topic] = dict(message.headers).get("ce_id", b"").decode()
            self.at_once = IN_FLIGHT
        else:
            self.at_once = max(1, at_once // 20)


def _drain_once(
    spool: Spool,
    producer: KafkaProducer,
    progress: Callable[[int], None],
    stop: Callable[[], bool],
    unsent: Unsent,
) -> int:
    """:func:`send_waiting` on one connection, which is closed afterwards."""
    try:
        return send_waiting(spool, producer, progress, stop, unsent)
    finally:
        with contextlib.suppress(KafkaError):  # what could not be sent is still in the spool
            producer.close(timeout=1 if stop() else 5)


def send_waiting(
    spool: Spool,
    producer: KafkaProducer,
    progress: Callable[[int], None] = lambda _sent: None,
    stop: Callable[[], bool] = lambda: False,
    unsent: Unsent | None = None,
) -> int:
    """Send what waits over ``producer``; returns how many were acknowledged and records the others in ``unsent``.

    Ends when nothing waits, or after a batch without any acknowledgement; unacknowledged events stay in the spool. Topics that
    accept nothing are skipped.
    """
    in_flight: deque[_InFlight] = deque()
    unsent = Unsent() if unsent is None else unsent
    closed: set[str] = set()
    sent, after, at_once, found = 0, 0, unsent.at_once, unsent.found
    while batch := [] if stop() or unsent.found != found else spool.waiting(after, at_once):
        for seq, message in batch:
            after = seq
            if message.topic in closed or seq in unsent.passed:
                continue
            try:
                future = producer.send(
                    message.topic, value=message.value, key=message.key or None, headers=list(message.headers)
                )
            except KafkaError as problem:
                unsent.note(seq, message, problem, not in_flight, at_once)
                if seq not in unsent.passed:
                    closed.add(message.topic)
            else:
                in_flight.append((seq, message, future))
        offered = len(in_flight)
        settled = _settle(spool, in_flight, stop, unsent)
        sent += settled
        if offered and not settled:
            break
        progress(sent)
    return sent


def _settle(spool: Spool, in_flight: deque[_InFlight], stop: Callable[[], bool], unsent: Unsent) -> int:
    """Wait for every future; acknowledge the successful ones, leave the others in the spool."""
    places, alone, at_once = [], len(in_flight) == 1, unsent.at_once
    until = (
        time.monotonic() + DELIVERY_SECONDS * 1.2
    )  # for all together: after an outage some futures never end
    while in_flight:
        seq, message, future = in_flight.popleft()
        try:
            done = _wait(future, until, stop)
        except KafkaError as problem:
            unsent.note(seq, message, problem, alone, at_once)
            continue
        if done is not None:
            places.append((seq, done.partition, done.offset))
    spool.acknowledge(places)
    return len(places)


def _wait(future: Any, until: float, stop: Callable[[], bool]) -> Any:
    """The record metadata of ``future``, or None where time or the run ended before. Raises KafkaError."""
    while True:
        unsent = max(0.0, until - time.monotonic())
        try:
            return future.get(timeout=0.0 if stop() else min(0.25, unsent))
        except KafkaTimeoutError:
            if future.is_done or stop() or not unsent:
                return None
