"""Debian's Chromium, driven by Playwright; whoever needs it is skipped, aloud, where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
PHONE, DESK = (390, 844), (1280, 900)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""What depends on colours alone."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own, with a profile that is thrown away."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there: no page was looked at in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(
    browser: Browser,
    *,
    size: tuple[int, int] = DESK,
    language: str = "en",
    scheme: str = "light",
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Iterator[BrowserContext]:
    """A window without cookies; the policy of content is that of the pages unless ``bypass_csp=True`` lets axe in."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale=language,
        color_scheme=scheme,  # type: ignore[arg-type]
        extra_http_headers=headers or {},
        reduced_motion="reduce",
        **more,
    )
    try:
        yield context
    finally:
        context.close()


def violations(page: Page, rules: dict[str, Any] = RULES) -> list[str]:
    """What axe finds wrong on the page: rule and the first element."""
    found = Axe().run(page, options=rules).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))
