"""Answers of conformance runs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class ConformanceEvent(BaseModel):
    """An event that the publisher is to send."""

    id: str
    type: str
    time: str
    subject: str | None = Field(description="null: without a subject")
    data: dict[str, Any] | None = Field(
        None, description="the payload but for the salt, which the publisher makes"
    )
    payload: str | None = Field(None, description="instead of data: the payload as text, byte for byte")
    how: str = Field(description="as_given, or what is done otherwise: `instruction`")
    instruction: str
    times: int = Field(description="how often it is sent, the same bytes each time")
    together: int = Field(description="how many events of the case are sent in one request; 1: alone")
    echo: bool = Field(description="its remark is what the publisher was answered")
    expect: Literal["accepted", "refused", "equivocation"]


class ConformanceCase(BaseModel):
    """A case: its events in the order in which they are sent."""

    id: str
    group: str
    title: str
    do: str
    needs: str = Field(description="what has to be there first; empty for nothing")
    optional: bool
    events: list[ConformanceEvent]


class ConformanceCases(BaseModel):
    """The cases of one run of the caller."""

    run: str
    network: str = Field(description="the name that is signed")
    party: str
    source: str
    runs: list[str] = Field(description="the caller's runs of which something was posted, the latest first")
    cases: list[ConformanceCase]


class ConformanceFinding(BaseModel):
    """One thing that is wrong."""

    event: str
    where: str = Field(description='JSON pointer into the payload, header:<name>, or "" for the whole event')
    expected: str
    came: str
    remedy: str


class ConformanceVerdict(BaseModel):
    """A case as it stands."""

    id: str
    group: str
    title: str
    optional: bool
    status: Literal["right", "wrong", "not_tried"]
    findings: list[ConformanceFinding]
    missing: list[str] = Field(description="events that have not come, and what to do")


class ConformanceOutcome(BaseModel):
    """What is right and wrong about the publisher, from what has arrived so far."""

    run: str
    party: str
    conforms: bool = Field(description="nothing is wrong, and everything that is not optional was tried")
    right: int
    wrong: int
    not_tried: int
    cases: list[ConformanceVerdict]
