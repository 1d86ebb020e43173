"""Work done by many threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable


def at_once(count: int, work: Callable[[int], None]) -> None:
    """Run ``work`` in so many threads that begin together; the first failure is raised."""
    ready, failures = threading.Barrier(count), list[BaseException]()

    def run(number: int) -> None:
        try:
            ready.wait(60)
            work(number)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "somebody waits for ever"
    if failures:
        raise failures[0]
