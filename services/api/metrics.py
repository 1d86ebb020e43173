"""The metrics of the API, on an instrument registry of its own."""

from __future__ import annotations

from collections import Counter as Counted
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from prometheus_client import Counter, Histogram

from schemas.reasons import Refusal
from services.api.problems import Problem
from services.telemetry import metrics
from services.telemetry.instruments import Instruments

_REASONS = {"unauthorized": "unknown_client", "proof-replayed": "replayed", "forbidden": "forbidden"}
_NOT_LET_IN = (
    *_REASONS.values(), "no_token", "bad_token", "invalid_client", "invalid_dpop_proof", "invalid_scope",
)  # fmt: skip
OTHER = "other"
"""Stands for every client that the registry is not known to have: what callers make up names no series."""


class ApiMetrics:
    """What one API process counts; for several threads."""

    def __init__(self) -> None:
        make = self.instruments = Instruments()
        self._requests = make.counter(metrics.API_REQUESTS)
        self._seconds = make.histogram(metrics.API_SECONDS)
        self.in_progress = make.gauge(metrics.API_IN_PROGRESS)
        self._failures = make.counter(metrics.API_AUTH_FAILURES)
        self._limited = make.counter(metrics.API_RATE_LIMITED)
        self._events = make.counter(metrics.API_EVENTS_REFUSED)
        self._certificate = make.gauge(metrics.API_CERTIFICATE_EXPIRES)
        self._met: set[str] = set()
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        for reason in _NOT_LET_IN:
            self._failures.labels(reason)  # shown as 0 before the first
        self._limited.labels(OTHER)

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request by its route as declared ("" where none matched)."""
        found = self._children.get((route, status))
        if found is None:
            found = self._requests.labels(route, str(status)), self._seconds.labels(route)
            self._children[route, status] = found
        found[0].inc()
        found[1].observe(seconds)

    def not_let_in(self, reason: str) -> None:
        """Count a request of somebody who is not proven, or who may not do what was asked."""
        self._failures.labels(reason).inc()

    def refused(self, problem: Problem) -> None:
        """Count a problem that was answered, where it says that somebody was not let in."""
        reason = getattr(problem, "reason", _REASONS.get(problem.kind.name, ""))
        if reason:
            self.not_let_in(reason)

    def events_refused(self, refusals: Iterable[Refusal]) -> None:
        """Count posted events that were refused at once and not published."""
        for reason, count in Counted(refusal.reason for refusal in refusals).items():
            self._events.labels(str(reason)).inc(count)

    def met(self, client: str) -> None:
        """The registry has this client: from now on it is counted by its id."""
        if client not in self._met:
            self._met.add(client)
            self._limited.labels(client)

    def limited(self, client: str) -> None:
        """Count a request beyond a budget; under its id for a client that was met, for all others together."""
        self._limited.labels(client if client in self._met else OTHER).inc()

    def serves_with(self, certificate: Path | None) -> None:
        """Show when ``certificate`` (PEM, the first of the file) runs out; None: the API serves none itself."""
        if certificate is not None:
            own = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
            self._certificate.set(own.not_valid_after_utc.timestamp())
