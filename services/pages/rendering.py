"""Templates, one environment a language, escaping everything; and static files."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request

from services.pages.languages import LANGUAGES
from services.pages.localization import Localization
from services.pages.viewer import Viewer

HERE = Path(__file__).parent
TEMPLATES, STATIC = HERE / "templates", HERE / "static"
_FRAGMENTS = 8_192
"""Of each language; about a kilobyte each."""
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that every page may name: its bytes, media type, and the digest that its address holds."""

    content: bytes
    media_type: str
    digest: str


def static_files(folder: Path = STATIC) -> Mapping[str, StaticFile]:
    """Every file of ``folder`` by name."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in TYPES:
            content = path.read_bytes()
            media_type = f"{TYPES[path.suffix]}; charset=utf-8"
            found[path.name] = StaticFile(content, media_type, hashlib.sha256(content).hexdigest()[:16])
    return found


_TOKEN: Final = secrets.token_hex(16)
"""What nobody could have published: it stands where a length of time belongs."""
_GAP: Final = re.compile(f"{_TOKEN}:([0-9]+);")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page as HTML, between moments of which the time is written that is left until them or has passed since."""

    texts: tuple[str, ...]
    moments: tuple[int, ...]

    def at(self, now: int, l10n: Localization) -> Markup:
        """The HTML at ``now`` (UTC microseconds)."""
        times = [str(escape(l10n.duration(moment - now))) for moment in self.moments]
        return Markup("".join(text + time for text, time in zip(self.texts, (*times, ""), strict=True)))


class Templates:
    """Renders pages in one language. For several threads."""

    def __init__(self, l10n: Localization, static: Mapping[str, StaticFile]) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            extensions=["jinja2.ext.i18n"],
        )
        self._environment.install_gettext_callables(  # type: ignore[attr-defined]
            l10n.gettext, l10n.ngettext, newstyle=True
        )
        self._environment.filters["l10n_place"] = l10n.place
        self._environment.globals.update(
            l10n=l10n,
            languages=LANGUAGES,
            static=lambda name: f"/static/{static[name].digest}/{name}",
            fragment=self._remembered,
            time_to=lambda micros: Markup(f"{_TOKEN}:{micros};"),
        )

    @cached_property
    def _remembered(self) -> Callable[..., Markup]:
        """A part of a page by the macro ``fragment`` of a template and its values, all hashable: what many pages show is rendered once."""
        macros: dict[str, Callable[..., Markup]] = {}

        @lru_cache(maxsize=_FRAGMENTS)
        def fragment(template: str, **values: Any) -> Markup:
            macro = macros.get(template)
            if macro is None:
                macro = macros[template] = self._environment.get_template(template).module.fragment  # type: ignore[attr-defined]
            return macro(**values)

        return fragment

    def render(self, template: str, values: Mapping[str, Any]) -> bytes:
        """The page; jinja2.UndefinedError where a template names what is not there."""
        return self._environment.get_template(template).render(values).encode()

    def part(self, template: str, values: Mapping[str, Any]) -> Part:
        """A part of a page that may be kept: ``time_to(micros)`` in its template is the length of time between then and when it is shown."""
        pieces = _GAP.split(self._environment.get_template(template).render(values))
        return Part(tuple(pieces[::2]), tuple(map(int, pieces[1::2])))


def request_values(request: Request, viewer: Viewer | None, sign_in: str) -> dict[str, Any]:
    """What every template may name beside its own values: the viewer, the way to sign in, and this page in other languages."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    query = urlencode(kept)
    saved = f"{request.url.path}?{query}" if kept else request.url.path
    before = f"{query}&" if kept else ""
    return {
        "viewer": viewer,
        "form_token": "" if viewer is None else viewer.form_token(),
        "sign_in": sign_in and f"{sign_in}?{urlencode({'return': _here(request)})}",
        "save_view": f"/console/views?{urlencode({'save': saved})}" if request.method == "GET" else "",
        "in_language": lambda code: f"?{before}lang={code}",
    }


def _here(request: Request) -> str:
    """The page that a sign-in leads back to: this one, as it was asked for; for what a form was posted to, the console's first."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.path}{query}" if request.method == "GET" else "/console"
