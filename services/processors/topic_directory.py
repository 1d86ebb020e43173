"""Topic identities from the broker: a topic that was deleted and created again has another id, and other offsets."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

log = logging.getLogger(__name__)


class TopicDirectory:
    """Asks a broker through kafka-python, since the consumer's client does not read topic ids.

    `connection` are kafka-python's settings: addresses and security. Keeps one connection; safe for several threads.
    """

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._connection = {
            "bootstrap_timeout_ms": 5_000,
            "request_timeout_ms": 5_000,
            "client_id": "lianyun-topics",
            **connection,
        }
        self._admin: Any = None
        self._lock = threading.Lock()

    def topic_ids(self, topics: Iterable[str]) -> Mapping[str, str]:
        """Return the ids of those `topics` that exist; {} when the broker does not answer. Blocks for up to 10 s."""
        wanted = sorted(topics)
        if not wanted:
            return {}
        with self._lock:
            try:
                if self._admin is None:
                    self._admin = KafkaAdminClient(**self._connection)
                described = self._admin.describe_topics(wanted)
            except KafkaError as error:
                log.warning(
                    "topic ids unknown: %r (a wrong SASL password looks the same)",
                    error,
                    extra={"action": "topic_ids_unknown"},
                )
                self._drop()
                return {}
        return {topic["name"]: str(topic["topic_id"]) for topic in described if not topic["error_code"]}

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()
