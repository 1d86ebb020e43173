"""What reading and checking six papers of one shipment costs, and what the checks find in worlds of papers with seeded lies."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from random import Random
from statistics import median
from typing import Any

from services.testbed.bench import machine
from services.testbed.paper_evaluation.evaluate import evaluate_papers
from services.testbed.trade_papers import honest
from services.trade.domain.checks import findings
from services.trade.domain.finding import Verdict, rules
from services.trade.domain.paper import Paper, PaperSet
from services.trade.formats import read_papers

_DAY = date(2026, 3, 20)


def read_all(files: dict[str, bytes], day: date = _DAY) -> PaperSet:
    """The papers in ``files`` by name."""
    papers: list[Paper] = []
    for name, content in files.items():
        papers += read_papers(content, name, day)
    return PaperSet(tuple(papers))


def bench_declarations(lines: int, rounds: int) -> dict[str, Any]:
    """Milliseconds of processor time for reading and for checking, and of ``rounds`` honest shipments those with a verdict, by check."""
    reading: list[float] = []
    checking: list[float] = []
    together: list[float] = []
    verdicts: Counter[tuple[str, Verdict]] = Counter()
    in_force = rules(_DAY)
    for seed in range(rounds):
        files = honest(Random(seed), lines).files()
        papers = _timed(reading, lambda files=files: read_all(files))  # type: ignore[misc]
        found = _timed(checking, lambda papers=papers: findings(papers, in_force))  # type: ignore[misc]
        together.append(reading[-1] + checking[-1])
        verdicts.update({(each.check, each.verdict) for each in found})
    return {
        "lines": lines,
        "shipments": rounds,
        "reading_ms": {"fastest": min(reading), "median": median(reading)},
        "checking_ms": {"fastest": min(checking), "median": median(checking)},
        "together_ms": {"fastest": round(min(together), 2), "median": round(median(together), 2)},
        "shipments_by_verdict": {
            verdict: {check: count for (check, each), count in sorted(verdicts.items()) if each is verdict}
            for verdict in (Verdict.CONTRADICTION, Verdict.REVIEW, Verdict.NOT_COMPARABLE)
        },
    }


def bench_papers(seeds: list[int], honest: int, each_lie: int, rounds: int) -> dict[str, Any]:
    """What the checks find in worlds of ``seeds``, and what six papers of 50 lines cost, with hardware and commit."""
    return {
        "hardware": machine.hardware(),
        "commit": machine.commit(),
        **evaluate_papers(seeds, honest, each_lie),
        "six_papers_of_50_lines": {
            name: value for name, value in bench_declarations(50, rounds).items() if name.endswith("_ms")
        },
    }


def _timed(into: list[float], work: Callable[[], Any]) -> Any:
    began = time.process_time()
    result = work()
    into.append(round((time.process_time() - began) * 1_000, 2))
    return result
