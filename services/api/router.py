"""Route decorators: a plain function becomes an endpoint whose requests go through ``pipeline.perform``."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from services.api.auth.permissions import Needs
from services.api.calls import Call
from services.api.operations import Function, Operation, Prefetch
from services.api.parameters import Binding
from services.api.pipeline import perform

PUBLIC = "public"


class OperationRoute(APIRoute):
    """A route that is found by the normal path of a request, in which an escaped slash is none, and decodes its parameters."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As the framework does, with the parameters as their caller meant them."""
        if not self.param_convertors and scope["path"] != self.path:
            return Match.NONE, {}
        match, found = super().matches(scope)
        if given := found.get("path_params"):
            found["path_params"] = {name: unquote(value) for name, value in given.items()}
        return match, found

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """``perform`` with the parameters as bound here; the framework binds the unusual ones and says what is wrong."""
        judged = super().get_route_handler()
        operation: Operation = self.endpoint.operation  # type: ignore[attr-defined]
        _, *own = inspect.signature(self.endpoint).parameters.values()
        binding = Binding.of(own, frozenset(self.param_convertors))
        if binding is None:
            return judged

        async def handle(request: Request) -> Response:
            values = await binding.values(request)
            return await (judged(request) if values is None else perform(operation, request, values))

        return handle


class Routes:
    """The routes of one module, under one tag of the published description."""

    def __init__(self, tag: str) -> None:
        self.router = APIRouter(tags=[tag], route_class=OperationRoute)

    def get(self, path: str, needs: Needs, **options: Any) -> Callable[[Function], Function]:
        """A route that only reads. Keywords as of ``_add``."""
        return self._decorator("GET", path, needs, **{"idempotent": False, **options})

    def post(self, path: str, needs: Needs, **options: Any) -> Callable[[Function], Function]:
        """A route that changes something; it requires Idempotency-Key unless ``idempotent=False``."""
        return self._decorator("POST", path, needs, **{"idempotent": True, **options})

    def put(self, path: str, needs: Needs, **options: Any) -> Callable[[Function], Function]:
        """As ``post``, with PUT."""
        return self._decorator("PUT", path, needs, **{"idempotent": True, **options})

    def delete(self, path: str, needs: Needs, **options: Any) -> Callable[[Function], Function]:
        """As ``post``, with DELETE."""
        return self._decorator("DELETE", path, needs, **{"idempotent": True, **options})

    def _decorator(
        self, method: str, path: str, needs: Needs, **options: Any
    ) -> Callable[[Function], Function]:
        def add(function: Function) -> Function:
            self._add(function, method, path, needs, **options)
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
        prefetch: Prefetch | None = None,
        decision: bool = False,
        answers: type[BaseModel] | None = None,
        signed: bool = False,
        status: int = 200,
        problems: Sequence[str] = (),
        extra: dict[str, Any] | None = None,
    ) -> None:
        """Register one route.

        ``prefetch`` gives the one statement that a reading route needs: it goes with the admission, its rows are had by
        ``call.rows``, and the route runs on the event loop without a session. ``decision``: the route reads nothing and returns
        a PendingDecision, so it runs on the event loop too. ``answers`` and ``status`` describe the ordinary answer, ``signed`` says that
        it is also given as a JWS, ``problems`` the names of what the route itself may raise, ``extra`` is merged into its OpenAPI operation.
        """
        if idempotent and not transaction:
            raise ValueError(
                f"{method} {path}: an idempotent answer is stored in the route's own transaction"
            )
        if prefetch is not None and (method != "GET" or not transaction):
            raise ValueError(f"{method} {path}: only what a GET reads in its one transaction is prefetched")
        if decision and not idempotent:
            raise ValueError(
                f"{method} {path}: a decision is taken once, under the name that its asker gave it"
            )
        operation = Operation(path, method, needs, idempotent, transaction, function, prefetch, decision)
        endpoint = _endpoint(operation)
        described: dict[str, Any] = {"description": "As asked."}
        summary, _, description = inspect.cleandoc(function.__doc__ or "").partition("\n")
        if answers is not None:
            described["model"] = answers
        if signed:
            described["content"] = {"application/jose": {"schema": {"type": "string"}}}
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
    endpoint.operation = PUBLIC  # type: ignore[attr-defined]
    return endpoint


def _endpoint(operation: Operation) -> Callable[..., Awaitable[Response]]:
    """What the framework calls: the parameters of the function, with the request in the place of the call."""
    hints = typing.get_type_hints(operation.function, include_extras=True)
    own = inspect.signature(operation.function).parameters
    first, *rest = own.values()
    if hints.get(first.name) is not Call:
        raise TypeError(f"{operation.function.__qualname__}: the first parameter is call: Call")

    async def endpoint(request: Request, **parameters: Any) -> Response:
        return await perform(operation, request, parameters)

    endpoint.__name__ = operation.function.__name__
    endpoint.__doc__ = operation.function.__doc__
    endpoint.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request),
            *(
                each.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[each.name])
                for each in rest
            ),
        ]
    )
    endpoint.operation = operation  # type: ignore[attr-defined]
    return endpoint
