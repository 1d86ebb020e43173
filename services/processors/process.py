"""The worker's process: settings, slot, garbage collection, work, exit code."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import sys
import time
import uuid
from collections.abc import Callable

import psycopg
from pydantic import ValidationError

from services.ledger.storage.errors import GenerationMoved
from services.processors import slots
from services.processors.log_reader import TopicDirectory
from services.processors.ports import Admitter, Store
from services.processors.settings import WorkerSettings, declared_topics
from services.processors.topics.declaration import DeclarationError
from services.processors.worker import Worker
from services.runtime.exit_codes import Exit, end_process
from services.runtime.parent_process import end_with_parent
from services.telemetry.logs import configure
from services.telemetry.tracing import open_spans

# A backlog is alive and acyclic, and traversing it took a fifth of the worker's processor time (214 us an event with Python's
# own thresholds, 161 without). One collection with a full backlog stops all threads for half a second, so it runs only when
# there may be something to collect.

_UNIT = 1 if sys.platform == "darwin" else 1_024
LOOK_SECONDS, LONGEST_SECONDS = 10.0, 60.0
GROWTH = 256 << 20


async def collect_on_growth(
    look: float = LOOK_SECONDS, growth: int = GROWTH, longest: float = LONGEST_SECONDS
) -> None:
    """Replace automatic garbage collection until cancelled: collect when peak memory has grown by ``growth`` bytes, or after ``longest`` seconds.

    The peak is checked every ``look`` seconds. Cycles raise the peak, so they are bounded by ``growth``; a backlog reaches its peak
    once.
    """
    gc.collect()
    gc.freeze()  # what is there now are modules and models, which stay
    gc.disable()
    peak, collected = _peak(), time.monotonic()
    try:
        while True:
            await asyncio.sleep(look)
            if _peak() - peak >= growth or time.monotonic() - collected >= longest:
                gc.collect()
                peak, collected = _peak(), time.monotonic()
    finally:
        gc.enable()


def _peak() -> int:
    """Maximum resident set size of the process, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


log = logging.getLogger(__name__)

OpenStore = Callable[[WorkerSettings, str], Store]
"""Opens the store for the settings and the name of this process."""

# Verification releases the interpreter's lock for each signature; with the default of 5 ms it would wait that long
# to get it back while the database's thread encodes rows.
_SWITCH_SECONDS = 0.0002


def run(open_store: OpenStore, open_admitter: Callable[[WorkerSettings], Admitter]) -> None:
    """Run one worker until SIGTERM and end the process; exit codes are those of `exit_codes.Exit`.

    Settings come from LIANYUN_* variables. Never returns.
    """
    end_with_parent(os.environ)
    sys.setswitchinterval(_SWITCH_SECONDS)
    settings, topics, admitter = _configured(open_admitter)
    dsn = settings.dsn.get_secret_value()
    owner = settings.worker_owner or f"{os.uname().nodename}/{uuid.uuid4().hex[:12]}"
    try:
        slot = slots.take(dsn, settings.group, owner, settings.slot_lease)
        store = open_store(settings, slot.instance_id)
        store.refresh()
    except psycopg.Error as error:
        end_process(Exit.UNEXPECTED, f"the database is not there for us: {error}")
        raise
    except GenerationMoved as moved:
        end_process(Exit.STATE_MOVED, f"this release cannot write to the state: {moved}")
        raise
    lease = slots.Lease(dsn, slot, settings.slot_lease, lambda why: end_process(Exit.SLOT_LOST, why))
    lease.start()
    directory = TopicDirectory(settings.kafka_connection())
    if follow := not settings.topics:
        # From the start: a member that comes back is given the partitions that it had, of whatever topic.
        topics += tuple(directory.topic_ids(store.topics.difference(topics)))
    log.info("started as %s", slot.instance_id, extra={"action": "started", "topics": len(topics)})
    spans = open_spans("lianyun-worker", os.environ)

    async def work() -> None:
        collecting = asyncio.create_task(collect_on_growth())
        worker = Worker(
            settings, topics, slot.instance_id, store, admitter, directory, spans=spans, follow=follow
        )
        await worker.run()
        collecting.cancel()
        lease.stop(release=True)
        if spans is not None:
            spans.close()
        log.info("left in order", extra={"action": "left"})
        # Not by returning: the loop's end would wait for threads of the Kafka client that nothing depends on.
        logging.shutdown()
        os._exit(Exit.OK)

    asyncio.run(work())


def _configured(
    open_admitter: Callable[[WorkerSettings], Admitter],
) -> tuple[WorkerSettings, tuple[str, ...], Admitter]:
    try:
        settings = WorkerSettings()
        topics = settings.topics or declared_topics()
        admitter = open_admitter(settings)
    except (ValidationError, DeclarationError) as wrong:
        configure()
        end_process(Exit.MISCONFIGURED, f"the settings are wrong: {wrong}")
        raise
    configure(settings.log_format, settings.log_level)
    for line in settings.lines():
        log.info("setting %s", line)
    return settings, topics, admitter
