"""The messages of templates and tables, by the group whose ``.po`` files hold them.

``python -m services.pages.messages`` adds what is missing to the files of every language, without a translation, and takes out what
no page says any more; ``--check`` lists it and changes nothing (exit 1 when there is anything).
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from schemas import remarks
from services.pages.languages import DEFAULT, LANGUAGES
from services.pages.localization import FOLDER
from services.statistics.domain.definitions import definitions

HERE = Path(__file__).parent
Id = str | tuple[str, ...]
_METHODS = [("templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")]
_KEYWORDS: Mapping[str, tuple[int, ...] | None] = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "N_": None,
}
_SITE = "site"
"""The group of what belongs to no group of pages."""


def used(folder: Path = HERE) -> Mapping[Id, frozenset[str]]:
    """Every message that the pages say (with its plural where it has one), with the groups that say it."""
    groups = {path.stem for path in (folder / "routes").glob("*.py")}
    found: dict[Id, set[str]] = defaultdict(set)
    for name, _line, message, _comments, _context in extract_from_dir(
        folder, _METHODS, keywords=_KEYWORDS, options_map={"**.html": {"silent": "false"}}
    ):
        found[tuple(message) if isinstance(message, list | tuple) else message].add(_group(name, groups))
    for definition in definitions().values():
        for text in definition.texts:
            found[text].add("statistics")
    for text in remarks.TEXTS:
        found[text].add("console_events")
    return {message: frozenset(saying) for message, saying in found.items()}


def _group(name: str, groups: set[str]) -> str:
    """``templates/tracking_events.html``, ``routes/tracking.py`` and ``tracking/words.py`` belong to tracking."""
    parts = Path(name).parts
    stem = Path(parts[-1]).stem
    candidates = [stem.partition("_")[0]] if parts[0] == "templates" else [parts[0], stem]
    return next((each for each in candidates if each in groups and each != "home"), _SITE)


def outdated(code: str, folder: Path = FOLDER) -> Iterator[tuple[str, Id, bool]]:
    """(group, message, whether it is to be added): what the files of a language lack, and what nothing says any more."""
    held: dict[str, set[Id]] = {path.stem: _ids(path, code) for path in (folder / code).glob("*.po")}
    everything = set().union(*held.values()) if held else set()
    wanted = used()
    for message, groups in wanted.items():
        if message not in everything:
            yield min(groups), message, True
    for group, messages in held.items():
        for message in messages - wanted.keys():
            yield group, message, False


def _ids(path: Path, code: str) -> set[Id]:
    return {_id(message.id) for message in _read(path, code) if message.id}


def _id(message: str | list[str] | tuple[str, ...]) -> Id:
    return message if isinstance(message, str) else tuple(message)


def _read(path: Path, code: str) -> Catalog:
    if not path.exists():
        return Catalog(locale=LANGUAGES[code].locale)
    with path.open("rb") as file:
        return read_po(file, locale=LANGUAGES[code].locale)


def write(path: Path, messages: Catalog) -> None:
    """Write a file of messages, in the order of the messages, without places and dates: changes are what was changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(
            file,
            messages,
            omit_header=True,
            no_location=True,
            sort_output=True,
            width=0,
            ignore_obsolete=True,
        )


def main(arguments: list[str], folder: Path = FOLDER) -> int:
    """Write or list what is outdated."""
    count = 0
    for code in LANGUAGES.keys() - {DEFAULT}:
        by_group: dict[str, list[tuple[Id, bool]]] = defaultdict(list)
        for group, message, add in outdated(code, folder):
            by_group[group].append((message, add))
        for group, changes in sorted(by_group.items()):
            path = folder / code / f"{group}.po"
            count += len(changes)
            if "--check" in arguments:
                print(
                    *(
                        f"{path}: {'lacks' if add else 'no page says'} {message!r}"
                        for message, add in changes
                    ),
                    sep="\n",
                )
                continue
            messages = _read(path, code)
            for message, add in changes:
                if add:
                    messages.add(message)
                else:
                    messages.delete(message)
            write(path, messages)
    return 1 if count and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
