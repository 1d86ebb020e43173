"""Problems as the API answers them (RFC 9457): a stable table of kinds, and the exception that a route raises."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from starlette.responses import Response

BASE = "urn:lianyun:problem:"
MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: its name (the last part of its type), HTTP status, title, and what it means to its reader."""

    name: str
    status: int
    title: str
    means: str

    @property
    def type(self) -> str:
        """The URI that programs compare."""
        return BASE + self.name


def read_kinds(path: Path) -> Mapping[str, Kind]:
    """The kinds of a file of the form of problems.toml, by name."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: Kind(name, row["status"], row["title"], row["means"]) for name, row in table.items()}


KINDS = read_kinds(Path(__file__).with_name("problems.toml"))


class Problem(Exception):
    """Ends a request with a problem of the kind ``name``; KeyError for a name that is no row of problems.toml.

    ``detail`` says what happened here, to this caller, and what to do; never what belongs to somebody else. ``pointer`` is
    the JSON pointer of the one fault. ``headers`` go with the answer, ``more`` are further members of the document.
    """

    def __init__(
        self,
        name: str,
        detail: str = "",
        *,
        pointer: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(f"{name}: {detail}")
        self.kind = KINDS[name]
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more if pointer is None else {"errors": [{"pointer": pointer, "detail": detail}], **more}

    def document(self) -> dict[str, Any]:
        """The members of the answer."""
        members = {"type": self.kind.type, "title": self.kind.title, "status": self.kind.status}
        return {**members, **({"detail": self.detail} if self.detail else {}), **self.more}

    def response(self) -> ProblemResponse:
        """The answer."""
        return ProblemResponse(self)


class ProblemResponse(Response):
    """The answer that tells ``problem``, and knows it."""

    def __init__(self, problem: Problem) -> None:
        headers = {"cache-control": "no-store", **problem.headers}
        super().__init__(orjson.dumps(problem.document()), problem.kind.status, headers, MEDIA_TYPE)
        self.problem = problem
