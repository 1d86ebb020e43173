"""The agent that a tutorial would have you write, on the same messages, for comparison only.

Stock Faust: `async for` over a stream of single events, the signature checked, one upsert and one commit for each.
No deduplication, no order, no ledger: it does far less than the pipeline, one event at a time. Run as a process:
``python -m services.testbed.bench.naive``; the settings are BENCH_* variables, the result one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import faust
import psycopg

from schemas.envelope import Envelope, signed_bytes
from schemas.reasons import Refusal
from schemas.signature_header import parse_header
from schemas.signing import verify
from services.testbed.bench import parties

TABLE = """
    CREATE TABLE IF NOT EXISTS state (
        object text PRIMARY KEY, type text NOT NULL, time text NOT NULL, payload jsonb NOT NULL
    )
"""
_UPSERT = """
    INSERT INTO state (object, type, time, payload) VALUES (%s, %s, %s, %s)
    ON CONFLICT (object) DO UPDATE SET type = excluded.type, time = excluded.time, payload = excluded.payload
"""


class _App(faust.App):  # type: ignore[misc]
    def _create_directories(self) -> None:
        pass  # it keeps no tables, so it needs no folder


def build_app(bootstrap: str, dsn: str, topic: str, wanted: int) -> faust.App:
    """The app over ``topic``; ends the process with its result when it has seen ``wanted`` events."""
    app = _App(
        f"naive-{topic}",
        broker=f"kafka://{bootstrap}",
        value_serializer="raw",
        store="memory://",
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
    )
    keys = {key_id: key.public for key_id, key in parties.registry().keys.items()}
    source = app.topic(topic, value_type=bytes, value_serializer="raw")
    seen: dict[str, float] = {"events": 0, "refused": 0}

    async def track(events: Any) -> None:
        session = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
        async for event in events.events():
            headers = [(name, value) for name, value in event.message.headers]
            signature = dict(headers)["lianyun-signature"]
            envelope = Envelope.from_headers(headers)
            try:
                header = parse_header(signature)
                known = keys.get(header.key_id)
                if known is None:
                    raise LookupError(header.key_id)
                verify(header, known, signed_bytes(parties.NETWORK, envelope, event.value))
                payload = json.loads(event.value)
            except (Refusal, LookupError, ValueError):
                seen["refused"] += 1
            else:
                row = event.message.key.decode(), envelope.type, envelope.time, json.dumps(payload)
                await session.execute(_UPSERT, row)
            seen["events"] += 1
            seen["last"] = time.time()
            seen.setdefault("first", seen["last"])
            if seen["events"] >= wanted:
                print(json.dumps(seen), flush=True)
                os._exit(0)

    app.agent(source, name="track")(track)
    return app


def main() -> None:
    """Run until the wanted number of events has been seen."""
    app = build_app(
        os.environ["BENCH_BOOTSTRAP"],
        os.environ["BENCH_DSN"],
        os.environ["BENCH_TOPIC"],
        int(os.environ["BENCH_EVENTS"]),
    )
    app.finalize()
    worker = faust.Worker(app, loglevel="WARNING", redirect_stdouts=False)
    sys.exit(worker.execute_from_commandline())


if __name__ == "__main__":
    main()
