"""Which route a request asks for, and its parameters, found without the framework where nothing about them is unusual."""

from __future__ import annotations

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


class Found(NamedTuple):
    """A route, and what its function gets."""

    route: APIRoute
    declared: Declared
    parameters: dict[str, Any]


class Table:
    """The declared GET routes without a parameter in their path.

    The framework's own validators judge the parameters of a query. ``found`` gives None for whatever is refused or given
    twice: the framework judges that anew, and tells it.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes: dict[str, tuple[APIRoute, Declared, Sequence[Parameter]]] = {}
        before: list[BaseRoute] = []
        for route in routes:
            declared = getattr(getattr(route, "endpoint", None), "declared", None)
            if isinstance(route, APIRoute) and isinstance(declared, Declared) and _first(route, before):
                parameters = _parameters(route.dependant)
                if parameters is not None:
                    self._routes[route.path] = route, declared, parameters
            before.append(route)

    @property
    def paths(self) -> frozenset[str]:
        """What is found here."""
        return frozenset(self._routes)

    def found(self, scope: Scope) -> Found | None:
        """The route of an HTTP request and its parameters; None where the framework has to look."""
        entry = self._routes.get(scope["path"])
        if entry is None or scope["method"] != "GET" or scope.get("root_path"):
            return None
        route, declared, parameters = entry
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
        return Found(route, declared, values)


def _first(route: APIRoute, before: Sequence[BaseRoute]) -> bool:
    """Whether ``route`` is what answers a GET of its path."""
    scope = {"type": "http", "method": "GET", "path": route.path}
    return (
        route.methods == {"GET"}
        and not route.param_convertors
        and all(one.matches(scope)[0] is not Match.FULL for one in before)
    )


def _parameters(wanted: Dependant) -> list[Parameter] | None:
    """The parameters of a route, None where they are not only scalars of the query."""
    if (
        wanted.path_params
        or wanted.header_params
        or wanted.cookie_params
        or wanted.body_params
        or wanted.dependencies
    ):
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


def _scalar(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return True
    if origin in (typing.Union, types.UnionType):
        return all(map(_scalar, typing.get_args(annotation)))
    return annotation in _SCALARS
