"""Which route a request asks for, and its parameters, found without the framework where nothing about them is unusual."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from fastapi import params
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from services.api.routing import Declared

_SCALARS = (str, int, bool, float, type(None))


class Parameter(NamedTuple):
    """A query parameter: its name in the function and in the URL, what judges it, and what it is where it is left out."""

    name: str
    alias: str
    judge: Any  # fastapi's ModelField, which is no public name
    required: bool
    default: Any


class Body(NamedTuple):
    """A body of JSON: its name in the function, and what judges it."""

    name: str
    judge: Any


class Found(NamedTuple):
    """A route, and what its function gets; ``body`` of it is still to be read."""

    route: APIRoute
    declared: Declared
    parameters: dict[str, Any]
    body: Body | None = None

    def with_body(self, raw: bytes) -> dict[str, Any] | None:
        """The parameters with those of the body ``raw``; None where the framework has to tell what is wrong with it."""
        if self.body is None:
            return self.parameters
        try:
            value, faults = self.body.judge.validate(json.loads(raw), {}, loc=("body",))
        except (ValueError, RecursionError):
            return None
        return None if faults else {**self.parameters, self.body.name: value}


class Table:
    """The declared routes that only read, or decide, without a parameter in their path.

    The framework's own validators judge the parameters of a query, and the body. ``found`` gives None for whatever is refused
    or given twice: the framework judges that anew, and tells it.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes: dict[tuple[str, str], tuple[APIRoute, Declared, Sequence[Parameter], Body | None]] = {}
        before: list[BaseRoute] = []
        for route in routes:
            declared = getattr(getattr(route, "endpoint", None), "declared", None)
            if (
                isinstance(route, APIRoute)
                and isinstance(declared, Declared)
                and _first(route, declared, before)
            ):
                parameters, body = _parameters(route.dependant), _body(route.dependant)
                if parameters is not None and (body is not None) == declared.decides:
                    self._routes[declared.method, route.path] = route, declared, parameters, body
            before.append(route)

    @property
    def paths(self) -> frozenset[str]:
        """What is found here."""
        return frozenset(path for _, path in self._routes)

    def found(self, scope: Scope) -> Found | None:
        """The route of an HTTP request and its parameters; None where the framework has to look."""
        entry = self._routes.get((scope["method"], scope["path"]))
        if entry is None or scope.get("root_path"):
            return None
        route, declared, parameters, body = entry
        if body is not None and not _json(scope):
            return None
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(pairs)
        if len(given) != len(pairs):
            return None
        values: dict[str, Any] = {}
        for name, alias, judge, required, default in parameters:
            text = given.get(alias)
            if text is None:
                if required:
                    return None
                values[name] = default
                continue
            values[name], faults = judge.validate(text)
            if faults:
                return None
        return Found(route, declared, values, body)


def _json(scope: Scope) -> bool:
    """Whether a body of JSON comes in one known length: what is longer than may be is refused before it is read."""
    headers = dict(scope["headers"])
    return headers.get(b"content-type") == b"application/json" and b"content-length" in headers


def _first(route: APIRoute, declared: Declared, before: Sequence[BaseRoute]) -> bool:
    """Whether ``route`` is what answers its method on its path, and reads only or decides."""
    scope = {"type": "http", "method": declared.method, "path": route.path}
    return (
        route.methods == {declared.method}
        and (declared.method == "GET" or declared.decides)
        and not route.param_convertors
        and all(one.matches(scope)[0] is not Match.FULL for one in before)
    )


def _parameters(wanted: Dependant) -> list[Parameter] | None:
    """The parameters of a route, None where they are not only scalars of the query."""
    if wanted.path_params or wanted.header_params or wanted.cookie_params or wanted.dependencies:
        return None
    found = []
    for field in wanted.query_params:
        told = field.field_info
        if not isinstance(told, params.Query) or not _scalar(told.annotation) or told.validate_default:
            return None
        required = told.is_required()
        default = None if required else field.get_default()
        found.append(Parameter(field.name, field.validation_alias or field.alias, field, required, default))
    return found


def _body(wanted: Dependant) -> Body | None:
    """The body of a route, None where it has none, or not one model alone."""
    if len(wanted.body_params) != 1:
        return None
    (field,) = wanted.body_params
    told = field.field_info
    if type(told) is not params.Body or told.embed or not told.is_required():
        return None
    return Body(field.name, field)


def _scalar(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return True
    if origin in (typing.Union, types.UnionType):
        return all(map(_scalar, typing.get_args(annotation)))
    return annotation in _SCALARS
