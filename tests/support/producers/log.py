"""What a topic holds, read to its end."""

from __future__ import annotations

from collections import Counter

from kafka import KafkaConsumer, TopicPartition


def stored(bootstrap: str, topic: str, partitions: int = 2) -> Counter[str]:
    """How often each event id is on the ``partitions`` of ``topic``."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    places = [TopicPartition(topic, n) for n in range(partitions)]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    ends = consumer.end_offsets(places)
    found: Counter[str] = Counter()
    while any(consumer.position(place) < ends[place] for place in places):
        for batch in consumer.poll(1_000).values():
            found.update(dict(record.headers)["ce_id"].decode() for record in batch)
    consumer.close()
    return found
