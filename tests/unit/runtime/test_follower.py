"""What runs a follower: it opens, steps, rests and closes in order, yields to another process, and shows its health."""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry
from psycopg.errors import LockNotAvailable

from services.runtime import follower
from services.runtime.follower import Follower, FollowerThread, follow
from services.telemetry.http import Health


class Recorded(Follower):
    """Takes the given steps, each a function or the seconds to rest after it, and records what is called."""

    contended_pause = 0.0

    def __init__(self, *steps: Callable[[], float] | Exception | float) -> None:
        self._steps = list(steps)
        self.calls: list[str] = []

    def open(self) -> None:
        self.calls.append("open")

    def step(self) -> float:
        self.calls.append("step")
        step = self._steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step() if callable(step) else step

    def close(self) -> None:
        self.calls.append("close")


def stopping(stop: threading.Event) -> Callable[[], float]:
    def step() -> float:
        stop.set()
        return 60.0

    return step


def test_it_is_opened_once_stepped_until_stopped_and_closed() -> None:
    stop, ended = threading.Event(), list[None]()
    work = Recorded(0.0, 0.0, stopping(stop))
    follow(work, stop, lambda: ended.append(None))  # the rest of a minute is cut short
    assert work.calls == ["open", "step", "step", "step", "close"]
    assert len(ended) == 3


def test_a_step_for_which_another_process_has_its_turn_is_tried_again_and_counts_as_none() -> None:
    stop, ended = threading.Event(), list[None]()
    work = Recorded(LockNotAvailable(), LockNotAvailable(), stopping(stop))
    follow(work, stop, lambda: ended.append(None))
    assert work.calls == ["open", "step", "step", "step", "close"]
    assert len(ended) == 1


def test_any_other_error_ends_it_and_it_is_closed() -> None:
    work = Recorded(0.0, ValueError("ours"))
    with pytest.raises(ValueError, match="ours"):
        follow(work, threading.Event())
    assert work.calls == ["open", "step", "step", "close"]


def test_what_cannot_be_opened_is_closed_too() -> None:
    class Unopened(Recorded):
        def open(self) -> None:
            raise OSError("no database")

    work = Unopened()
    with pytest.raises(OSError, match="no database"):
        follow(work, threading.Event())
    assert work.calls == ["close"]


def test_a_thread_keeps_the_error_that_ended_it_and_reports_it() -> None:
    failed = threading.Event()
    thread = FollowerThread(Recorded(0.0, ValueError("ours")), "following", failed.set)
    thread.start()
    thread.join(10)
    assert failed.is_set()
    assert isinstance(thread.failed, ValueError)


def test_a_thread_that_is_stopped_ends_without_an_error() -> None:
    began, failed = threading.Event(), threading.Event()

    def resting() -> float:
        began.set()
        return 60.0

    thread = FollowerThread(Recorded(resting), "following", failed.set)
    thread.start()
    assert began.wait(10)
    thread.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert thread.failed is None
    assert not failed.is_set()


def test_health_is_shown_while_it_runs_and_a_step_that_does_not_end_is_seen(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    stop, seen = threading.Event(), list[tuple[int, dict[str, object]]]()

    def health(name: str) -> tuple[int, dict[str, object]]:
        (port,) = {vars(each)["port"] for each in caplog.records if vars(each).get("action") == "metrics"}
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/{name}", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def step() -> float:
        seen.extend([health("live"), health("ready")])
        time.sleep(2.1)
        seen.append(health("live"))
        stop.set()
        return 0.0

    class NotReady(Recorded):
        def ready(self, live: Health) -> Health:
            return Health(not live.ok)

    follower.run(NotReady(step), CollectorRegistry(), "127.0.0.1", 0, 2.0, stop=stop)
    assert (seen[0][0], seen[0][1].keys()) == (200, {"ok", "idle_seconds"})
    assert seen[1] == (503, {"ok": False})
    assert seen[2][0] == 503
    with pytest.raises(OSError):
        health("live")


def test_without_a_port_nothing_is_served(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stop = threading.Event()
    follower.run(Recorded(stopping(stop)), CollectorRegistry(), "127.0.0.1", None, 1.0, stop=stop)
    assert not [each for each in caplog.records if vars(each).get("action") == "metrics"]
