"""The result of one check, the reason for each check, and the guard that makes a failing check a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

WHY: Mapping[str, str] = {
    "python": "other versions lack what the code uses, or have no packages yet",
    "packages": "tests ran with the locked versions; what others do is not known",
    "disk here": "logs, spools and a platform in this folder stop when it is full",
    "time zones": "every local time of a railway in Kazakhstan would be an hour wrong",
    "zone data": "countries change their clocks, and local times are resolved by this table",
    "ports": "a broker or a database started here would find none",
    "metrics port": "a process that cannot show its metrics is not seen by any alert",
    "kafka jars": "the local broker starts from these files and no others",
    "java": "the local broker runs on it",
    "containers": "infra/docker-compose.yml needs an engine that answers and Compose 2",
    "container ports": "a container whose port is taken does not start",
    "prometheus targets": "what is not scraped raises no alert, whatever happens to it",
    "alert receivers": "a page that goes to nobody wakes nobody",
    "grafana files": "Grafana leaves out what it cannot read, without a word",
    "declaration": "topics, access rules and workers follow it",
    "broker": "nothing can be published or applied without it; nothing is lost meanwhile",
    "brokers": "clients reconnect to the address that a broker names, not to the one they were given",
    "topics": "what a partner publishes to a topic that is missing is refused at once",
    "topic settings": "retention and append time decide what can be read again, and which key counts",
    "access rules": "without them every partner may write to the topics of the others",
    "database": "it holds everything: events, state, offsets, decisions",
    "durability": "what was answered or acknowledged may be gone after a crash",
    "clock": "leases, deadlines and the windows of keys are judged by clocks",
    "connections": "a process that gets no connection stands still",
    "migrations": "processes of this release use tables that would not be there",
    "fold version": "a worker refuses to write to a state of other rules",
    "transaction counter": "followers read in its order: what is behind it is never seen",
    "parties": "nobody is known yet, so everything that is published is refused",
    "parties' topics": "what they publish there reaches no worker",
    "keys": "what is signed by a key that does not count is refused",
    "dead letters": "each is something that a partner said and the record lacks",
    "database disk": "a database without room stops, and with it everything else",
    "webhooks": "a bank learns late that its pledge is in danger",
    "documents on their way": "neither platform can use an original before its transfer is settled",
    "workers": "what is published waits in Kafka, and everybody sees an old state",
    "partitions": "what is published there waits, while all else looks well",
    "stopped partitions": "it waits for a decision; meanwhile retention may take more",
    "waiting messages": "how far the state is behind what was published",
}
PACKAGE = "a part of the platform does not start without it"


def why(name: str) -> str:
    """Why the check called ``name`` is made; a name that the table lacks is that of a package."""
    return WHY.get(name, PACKAGE)


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check: ``ok`` or not, what was ``found``, and the command that repairs it ("" where all is well)."""

    name: str
    ok: bool
    found: str
    mend: str = ""

    @property
    def why(self) -> str:
        """Why it is checked, in one clause."""
        return why(self.name)


def judged(name: str, ok: bool, found: str, mend: str) -> Check:
    """Return the check; without ``mend`` where it is ok."""
    return Check(name, ok, found, "" if ok else mend)


def shortened(names: list[str], most: int = 3) -> str:
    """Return the first ``most`` names, and how many are left out."""
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left} more" if left > 0 else "")


def guarded(
    name: str, look: Callable[[], Iterator[Check]], failures: tuple[type[Exception], ...], mend: str
) -> Iterator[Check]:
    """Yield the checks of ``look``; one of ``failures`` ends it with a finding under ``name``."""
    try:
        yield from look()
    except failures as problem:
        first = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        yield Check(name, False, first, mend)
