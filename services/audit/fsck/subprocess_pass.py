"""The check of the credit signals beside everything else: nothing else needs what it finds, and it takes a third of the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from services.audit.fsck.credit import check_credit
from services.audit.fsck.passes import attempt
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Notebook

Credit = Callable[[], Notebook]
"""What the check of the credit signals found; blocks until it is known, and raises what ended it."""


def credit_of(snapshot: Snapshot) -> Credit:
    """The check in this process, made when it is asked for."""

    def found() -> Notebook:
        notebook = Notebook()
        attempt(snapshot, notebook, "tables of credit", lambda: check_credit(snapshot, notebook), None)
        return notebook

    return found


@contextmanager
def credit_apart(dsn: str, snapshot: Snapshot, processes: int) -> Iterator[Credit]:
    """The check of what ``snapshot`` shows, begun at once in a process of its own where ``processes`` are several."""
    if processes <= 1:
        yield credit_of(snapshot)
        return
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool.submit(_joined, dsn, snapshot.shared()).result


def _joined(dsn: str, shared: str) -> Notebook:
    with Snapshot.open(dsn, join=shared) as snapshot:
        return credit_of(snapshot)()
