"""The AsyncAPI 3 document: channels, the headers of every message, and one message per event type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.envelope import SIGNATURE_HEADER
from schemas.events.catalogue import CATALOGUE
from schemas.events.spec import EventSpec
from schemas.events.wire import TIME_PATTERN
from schemas.legibility import LEGIBLE
from schemas.publishing.json_schema import DIALECT, describe
from schemas.publishing.topics import Channel
from schemas.trace_context import CE_TRACEPARENT, TRACEPARENT

Json = dict[str, Any]

VERSION = "1.0.0"

_INTRODUCTION = """\
Partners publish signed events about China-Europe rail consignments. An event is a CloudEvents 1.0 message in Kafka
binary mode: attributes in ce_* headers, the JSON payload as value, the signature in the header lianyun-signature. The
signature covers the attributes and the payload bytes as published; nobody re-serialises them (see signing.md). Payloads
are at most 64 KiB of strict JSON: no duplicate keys, no NaN, no integer beyond 2^53 - 1. A new field is a new version."""


def asyncapi(channels: Iterable[Channel]) -> Json:
    """The document for ``channels``; payload schemas are referred to as files beside it."""
    messages = {_key(type_): _message(model.spec) for type_, model in sorted(CATALOGUE.items())}
    places = tuple(channels)
    return {
        "asyncapi": "3.0.0",
        "id": "urn:lianyun:asyncapi",
        "info": {
            "title": "Lianyun events",
            "version": VERSION,
            "description": " ".join(_INTRODUCTION.split()),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {channel.name: _channel(channel) for channel in places},
        "operations": {
            f"receive_{channel.name}": {
                "action": "receive",
                "summary": "Events that a partner publishes and Lianyun receives.",
                "channel": {"$ref": f"#/channels/{channel.name}"},
            }
            for channel in places
        },
        "components": {
            "messages": messages,
            "messageTraits": {"signedEvent": {"headers": headers(), "contentType": "application/json"}},
        },
    }


def headers() -> Json:
    """The JSON Schema of the Kafka headers of a signed event."""
    text: Json = {"type": "string", "minLength": 1}
    return {
        "$schema": DIALECT,
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", SIGNATURE_HEADER],
        "properties": {
            "ce_specversion": {"const": "1.0"},
            "ce_id": {
                **text,
                "maxLength": 256,
                "pattern": LEGIBLE,
                "description": "Unique within ce_source, for ever. In NFC, without characters that do not show (signing.md, 1).",
            },
            "ce_source": {**text, "maxLength": 256, "description": "Belongs to one registered party."},
            "ce_type": {"type": "string", "enum": sorted(CATALOGUE)},
            "ce_time": {
                "type": "string",
                "format": "date-time",
                "pattern": TIME_PATTERN,
                "description": "When the source created the event; never the clock of the sending process. At most 5 minutes after "
                "the broker's append time (else CLOCK_SKEW), before it without limit.",
            },
            "ce_subject": {
                **text,
                "maxLength": 256,
                "pattern": LEGIBLE,
                "description": "Optional; signed when present. Written as ce_id is.",
            },
            "content-type": {
                "type": "string",
                "pattern": "^[Aa]pplication/[Jj][Ss][Oo][Nn](; ?charset=[Uu][Tt][Ff]-8)?$",
                "description": "CloudEvents datacontenttype; optional, signed when present.",
            },
            TRACEPARENT: {
                "type": "string",
                "description": "W3C Trace Context of whoever sends; optional and not signed. It decides nothing: one that "
                "cannot be read is as good as absent.",
            },
            CE_TRACEPARENT: {
                "type": "string",
                "description": "CloudEvents' extension Distributed Tracing, likewise; read where there is no traceparent.",
            },
            SIGNATURE_HEADER: {
                "type": "string",
                "pattern": r"^v1;(ed25519|ed25519-batch|ecdsa-p256-sha256);[0-9a-f]{16};[A-Za-z0-9+/]{86}==(;|$)",
                "maxLength": 1024,
                "description": "v1;<scheme>;<key id>;<signature>, for a batch with ;<size>;<index>;<root>;<path>.",
            },
        },
    }


def _channel(channel: Channel) -> Json:
    names = (
        _key(type_)
        for type_, model in sorted(CATALOGUE.items())
        if channel.role is None or channel.role in model.spec.publishers
    )
    described: Json = {
        "address": channel.address,
        "description": channel.description,
        "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in names},
        "bindings": {"kafka": {"bindingVersion": "0.5.0"}},
    }
    if channel.parameters:
        described["parameters"] = {name: {"description": text} for name, text in channel.parameters}
    return described


def _message(spec: EventSpec) -> Json:
    return {
        "name": spec.type,
        "title": spec.name,
        "summary": spec.summary,
        "description": describe(spec),
        "traits": [{"$ref": "#/components/messageTraits/signedEvent"}],
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./json-schema/{spec.type}.json"},
        },
        "bindings": {
            "kafka": {
                "key": {
                    "type": "string",
                    "description": "Train or container; for speed only, correctness does not depend on it.",
                },
                "bindingVersion": "0.5.0",
            }
        },
    }


def _key(type_: str) -> str:
    return type_.removeprefix("cre.").replace(".", "_")
