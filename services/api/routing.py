"""Routes: one decorator that turns a plain function into an authenticated, permitted, logged, transactional endpoint."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from services.api.calls import Answer as Answer
from services.api.calls import Call as Call
from services.api.calls import Undecided as Undecided
from services.api.calls import page as page
from services.api.needs import Needs
from services.api.performing import perform
from services.ledger.storage.session import BoundStatement

Function = Callable[..., Answer | Undecided]
Ahead = Callable[[str, Mapping[str, Any]], BoundStatement | None]
"""Of the code of the party that probably asks, and the parameters: what a route reads; None where it reads more than that."""
PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Declared:
    """A route as its decorator was told."""

    path: str
    method: str
    needs: Needs
    idempotent: bool
    transaction: bool
    function: Function
    ahead: Ahead | None = None
    decides: bool = False


class Routes:
    """The routes of one module, under one tag of the published description."""

    def __init__(self, tag: str) -> None:
        self.router = APIRouter(tags=[tag])

    def get(self, path: str, needs: Needs, **told: Any) -> Callable[[Function], Function]:
        """A route that only reads. Keywords as of ``_add``."""
        return self._decorator("GET", path, needs, **{"idempotent": False, **told})

    def post(self, path: str, needs: Needs, **told: Any) -> Callable[[Function], Function]:
        """A route that changes something; it requires Idempotency-Key unless ``idempotent=False``."""
        return self._decorator("POST", path, needs, **{"idempotent": True, **told})

    def put(self, path: str, needs: Needs, **told: Any) -> Callable[[Function], Function]:
        """As ``post``, with PUT."""
        return self._decorator("PUT", path, needs, **{"idempotent": True, **told})

    def delete(self, path: str, needs: Needs, **told: Any) -> Callable[[Function], Function]:
        """As ``post``, with DELETE."""
        return self._decorator("DELETE", path, needs, **{"idempotent": True, **told})

    def _decorator(self, method: str, path: str, needs: Needs, **told: Any) -> Callable[[Function], Function]:
        def add(function: Function) -> Function:
            self._add(function, method, path, needs, **told)
            return function

        return add

    def _add(
        self,
        function: Function,
        method: str,
        path: str,
        needs: Needs,
        *,
        idempotent: bool,
        transaction: bool = True,
        ahead: Ahead | None = None,
        decides: bool = False,
        answers: type[BaseModel] | None = None,
        status: int = 200,
        problems: Sequence[str] = (),
        extra: dict[str, Any] | None = None,
    ) -> None:
        """Register one route.

        ``ahead`` says what a route that only reads will ask: it is asked together with the admission, the route finds it by
        ``call.rows`` and runs on the event loop, without a session of its own.
        ``decides``: the route reads nothing and gives what the desk has to decide, so it runs on the event loop too.
        ``answers`` and ``status`` describe the ordinary answer, ``problems`` the names of what the route itself may
        raise, ``extra`` is merged into its OpenAPI operation.
        """
        if idempotent and not transaction:
            raise ValueError(
                f"{method} {path}: an idempotent answer is stored in the route's own transaction"
            )
        if ahead is not None and (method != "GET" or not transaction):
            raise ValueError(f"{method} {path}: only what a GET reads in its one transaction is asked ahead")
        if decides and not idempotent:
            raise ValueError(
                f"{method} {path}: a decision is taken once, under the name that its asker gave it"
            )
        declared = Declared(path, method, needs, idempotent, transaction, function, ahead, decides)
        endpoint = _endpoint(declared)
        described: dict[str, Any] = {"description": "As asked."}
        summary, _, description = inspect.cleandoc(function.__doc__ or "").partition("\n")
        if answers is not None:
            described["model"] = answers
        self.router.add_api_route(
            path,
            endpoint,
            methods=[method],
            response_model=None,
            operation_id=function.__name__,
            summary=summary.removesuffix("."),
            description=description.strip(),
            status_code=status,
            responses={status: described},
            openapi_extra={
                "x-needs": {
                    "scope": str(needs.scope),
                    "roles": sorted(needs.roles),
                    "foreign": needs.foreign,
                },
                "x-idempotent": idempotent,
                "x-problems": list(problems),
                **(extra or {}),
            },
        )


def public(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """Mark an endpoint of a plain router as open to everybody, on purpose."""
    endpoint.declared = PUBLIC  # type: ignore[attr-defined]
    return endpoint


def _endpoint(declared: Declared) -> Callable[..., Awaitable[Response]]:
    """What FastAPI calls: the parameters of the function, with the request in the place of the call."""
    hints = typing.get_type_hints(declared.function, include_extras=True)
    own = inspect.signature(declared.function).parameters
    first, *rest = own.values()
    if hints.get(first.name) is not Call:
        raise TypeError(f"{declared.function.__qualname__}: the first parameter is call: Call")

    async def endpoint(request: Request, **parameters: Any) -> Response:
        return await perform(declared, request, parameters)

    endpoint.__name__ = declared.function.__name__
    endpoint.__doc__ = declared.function.__doc__
    endpoint.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request),
            *(
                each.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[each.name])
                for each in rest
            ),
        ]
    )
    endpoint.declared = declared  # type: ignore[attr-defined]
    return endpoint
