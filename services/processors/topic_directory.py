"""What is asked of the broker beside reading: topic identities, single records, and to be let go from the group.

A topic that was deleted and created again has another id, and other offsets.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import MemberToRemove
from kafka.errors import KafkaError, NoError

from services.ledger.storage.ledger_protocol import Mark, PartitionId
from services.processors.log_identity import Found
from services.processors.log_reader import LogReader

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
        self._reader = LogReader(connection)
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

    def found(self, marks: Mapping[PartitionId, Mark]) -> Mapping[PartitionId, Found]:
        """Return what the log has at the offsets of `marks`; see `LogReader`. Blocks for up to 10 s."""
        return self._reader.found(marks)

    def leave(self, group: str, member: str) -> bool:
        """Take the static `member` out of `group`; False when the broker does not do it. Blocks for up to 10 s.

        A static member that only goes is waited for until its session ends; the consumer's client never says goodbye.
        """
        with self._lock:
            try:
                if self._admin is None:
                    self._admin = KafkaAdminClient(**self._connection)
                answers = self._admin.remove_group_members(group, [MemberToRemove(group_instance_id=member)])
            except KafkaError as error:
                log.warning("the group was left without a word: %r", error, extra={"action": "left"})
                self._drop()
                return False
        return all(answer is NoError for answer in answers.values())

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()
