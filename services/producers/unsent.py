"""Why what waits was not sent: no broker answers, one lets nobody in, or one answers and will not take an event."""

from __future__ import annotations

import difflib
import socket
import ssl
from collections.abc import Iterable, Mapping
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.errors import (
    AuthorizationError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

REFUSALS = (AuthorizationError, InvalidTopicError, MessageSizeTooLargeError)
"""What a broker says that it will say again tomorrow."""
_SAFE = "What was read is safe in the spool."


class BrokerUnreachable(Exception):
    """No broker answered; what was read is safe in the spool and goes out with the next run."""


class NotTaken(Exception):
    """A broker answers and will not take what is for ``topic``, now or later; all else was sent, and what was not is in the spool.

    ``remedy`` is what to do; ``missing``: there is no such topic.
    """

    def __init__(self, topic: str, problem: str, remedy: str, missing: bool = False) -> None:
        super().__init__(f"{problem}. {_SAFE}")
        self.topic, self.remedy, self.missing = topic, remedy, missing


def unreachable(bootstrap: str, security: Mapping[str, Any], patience: float) -> str:
    """Why nobody answers at ``bootstrap`` (host:port, commas between several), as far as a connection of our own shows.

    Blocks for up to ``patience`` seconds for each address.
    """
    found = [_look(address.strip(), security, patience) for address in bootstrap.split(",")]
    if all(found):
        return f"no broker answered at {bootstrap} ({found[0]}). {_SAFE}"
    return (
        f"no broker answered at {bootstrap}, though something listens there: it still starts, it lets nobody in (a wrong SASL "
        f"password looks the same: check both LIANYUN_KAFKA_USER and its password), or it speaks TLS and we do not. {_SAFE}"
    )


def _look(address: str, security: Mapping[str, Any], patience: float) -> str:
    """What is wrong with the way to ``address``; "" where something listens and TLS, if we use it, holds."""
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


def not_taken(
    refused: Mapping[str, KafkaError],
    names: Mapping[str, str],
    bootstrap: str,
    security: Mapping[str, Any],
    patience: float,
) -> NotTaken | None:
    """The refusal among ``refused`` (by topic, what came instead of an acknowledgement); None where each may go out later.

    ``names`` holds the id of an event for each topic. Looks up topics at the broker of which nothing was heard; blocks for up to about
    three times ``patience`` seconds.
    """  # fmt: skip
    for topic, problem in refused.items():
        if isinstance(problem, MessageSizeTooLargeError):
            return NotTaken(
                topic,
                f"the event {names.get(topic, '?')} is larger than the broker takes in {topic}",
                "say it in several records, or have the operator raise the topic's max.message.bytes",
            )
        if isinstance(problem, REFUSALS):
            return _not_allowed(topic, security)
    silent = [topic for topic, problem in refused.items() if not isinstance(problem, REFUSALS)]
    return _described(silent, bootstrap, security, patience) if silent else None


def _described(
    topics: Iterable[str], bootstrap: str, security: Mapping[str, Any], patience: float
) -> NotTaken | None:
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
                return _not_allowed(topic, security)
            if code == UnknownTopicOrPartitionError.errno:
                near = difflib.get_close_matches(topic, admin.list_topics(), 3)
                others = f"; there is {', '.join(near)}" if near else ""
                return NotTaken(
                    topic,
                    f"there is no topic {topic} at {bootstrap}{others}",
                    "lianyun topics apply, for a topic that is declared (infra/kafka/topics.toml); otherwise mend `topic` in the "
                    "profile: lianyun party list shows who writes where",
                    missing=True,
                )
    except KafkaError:
        return None
    finally:
        admin.close()
    return None


def _not_allowed(topic: str, security: Mapping[str, Any]) -> NotTaken:
    user = security.get("sasl_plain_username")
    return NotTaken(
        topic,
        f"the broker lets {user or 'us'} write nothing to {topic}, or there is no such topic",
        "check `topic` in the profile and LIANYUN_KAFKA_USER; the operator grants it: lianyun topics apply --access",
    )
