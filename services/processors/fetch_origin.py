"""Whence the client's records came: the connection and the leader epochs of each fetch, which aiokafka does not show.

The consumer's fetcher is watched from outside, for aiokafka 0.14: each fetch answer is taken down where it arrives,
and the list of records that the fetcher makes of it says so when it is drained. What is not recognised has no origin,
and then proves nothing (`services.ledger.storage.ledger_protocol.Reader`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aiokafka.client import ConnectionGroup
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

from services.ledger.storage.ledger_protocol import Origin, PartitionId, runs

_BATCH = struct.Struct(">qii")  # base offset, length of what follows, leader epoch
_BEFORE_LENGTH, _MAGIC = 12, 16


class Fetched(list[Any]):
    """Records of one partition, with their origin."""

    origin: Origin


def origins(fetched: Mapping[Any, Sequence[Any]]) -> dict[PartitionId, Origin]:
    """The origins of drained records, as far as they have one."""
    return {
        PartitionId(*partition): records.origin
        for partition, records in fetched.items()
        if isinstance(records, Fetched)
    }


def record_batches(raw: bytes) -> Iterator[tuple[int, int]]:
    """Yield (first offset, leader epoch) of each whole record batch of a fetch answer; of format 2 or later."""
    at, end = 0, len(raw)
    while at + _MAGIC < end:
        base, length, leader = _BATCH.unpack_from(raw, at)
        following = at + _BEFORE_LENGTH + length
        if following > end or length <= 0:
            return
        if raw[at + _MAGIC] >= 2 and leader >= 0:
            yield base, leader
        at = following


class FetchWatch:
    """Takes down the origins of what `consumer` fetches, from its start on. Belongs to the loop of the consumer."""

    def __init__(self, consumer: Any) -> None:
        self._consumer, self._client = consumer, consumer._client
        self._send, self._start = consumer._client.send, consumer.start
        self._answer: tuple[Any, object | None, dict[Any, Any]] | None = None
        self._client.send, consumer.start = self._sent, self._started

    async def _started(self) -> None:
        await self._start()
        self._fetcher = self._consumer._fetcher
        self._process = self._fetcher._proc_fetch_request
        self._fetcher._proc_fetch_request = self._processed

    async def _sent(self, node_id: Any, request: Any, **more: Any) -> Any:
        if not isinstance(request, FetchRequest) or not hasattr(self, "_fetcher"):
            return await self._send(node_id, request, **more)
        await self._client.ready(node_id)
        before = self._connection(node_id)
        answer = await self._send(node_id, request, **more)
        # A connection that was replaced never comes back: the same one before and after is the one in between.
        connection = before if before is self._connection(node_id) else None
        self._answer = (answer, connection, dict(self._fetcher._records))
        return answer

    def _connection(self, node_id: Any) -> object | None:
        found: object | None = self._client._conns.get((node_id, ConnectionGroup.DEFAULT))
        return found

    async def _processed(self, assignment: Any, node_id: Any, request: Any) -> Any:
        # From the return of `_sent` to here the loop runs nothing else, so the answer is this request's.
        try:
            return await self._process(assignment, node_id, request)
        finally:
            answer, self._answer = self._answer, None
            if answer is not None:
                self._take_down(*answer)

    def _take_down(self, answer: Any, connection: object | None, before: dict[Any, Any]) -> None:
        for topic, partitions in answer.topics:
            for partition, _error, _end, *data in partitions:
                tp = TopicPartition(topic, partition)
                result = self._fetcher._records.get(tp)
                if type(result) is FetchResult and result is not before.get(tp):
                    result.getall = _with_origin(result, Origin(connection, runs(record_batches(data[-1]))))


def _with_origin(result: Any, origin: Origin) -> Any:
    inner = result.getall

    def getall(max_records: int | None = None) -> Fetched:
        records = Fetched(inner(max_records))
        records.origin = origin
        return records

    return getall
