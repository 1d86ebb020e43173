"""What an answer of the API tells its caller, beside the ids that every request gets by chance."""

from __future__ import annotations

import re

import httpx


def text_of(answer: httpx.Response) -> str:
    """The body, without the id of the request's trace."""
    return re.sub(r'"traceId":"[0-9a-f]{32}"', '"traceId":""', answer.text)
