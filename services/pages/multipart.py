"""Forms with files (multipart/form-data, RFC 7578): the fields as text, the files as bytes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from email import message_from_bytes
from email.policy import HTTP
from typing import NamedTuple

MOST_PARTS = 60
_LONGEST_FIELD = 65_536
_LONGEST_NAME = 200


class Upload(NamedTuple):
    """A file as it was sent: its name on the sender's machine, without folders, and its bytes."""

    name: str
    content: bytes


def parse(content_type: str, body: bytes) -> tuple[Mapping[str, str], Mapping[str, Upload]]:
    """(fields, files) of a body, the last of each name. ValueError for what is no such form, or has more or longer parts than any of ours."""
    if body.count(b"\nContent-Disposition") + body.count(b"\ncontent-disposition") > MOST_PARTS:
        raise ValueError("too many parts")
    head = f"Content-Type: {content_type}\r\n\r\n".encode("ascii")
    whole = message_from_bytes(head + body, policy=HTTP)
    if whole.get_content_type() != "multipart/form-data" or not whole.is_multipart() or whole.defects:
        raise ValueError("no form")
    fields: dict[str, str] = {}
    files: dict[str, Upload] = {}
    for part in whole.iter_parts():
        disposition = part["content-disposition"]
        if disposition is None or disposition.content_disposition != "form-data" or part.is_multipart():
            raise ValueError("a part is no field")
        name, filename = disposition.params.get("name", ""), disposition.params.get("filename")
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            raise ValueError("a part has no content")
        if filename is None:
            if len(content) > _LONGEST_FIELD:
                raise ValueError("a field is too long")
            fields[name] = content.decode("utf-8")
        else:
            files[name] = Upload(_plain(filename), content)
    return fields, files


def _plain(name: str) -> str:
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(each for each in last if each.isprintable())[:_LONGEST_NAME]
