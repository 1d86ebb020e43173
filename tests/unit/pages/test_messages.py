"""Every message of the pages, in every language."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from babel.messages.catalog import Message

from schemas.events import catalogue as event_catalogue
from schemas.events.base import Region
from services.pages import messages
from services.pages.languages import DEFAULT, LANGUAGES
from services.pages.localization import FOLDER, catalogue
from services.pages.tracking import words

PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%|%")
OTHERS = sorted(LANGUAGES.keys() - {DEFAULT})


def texts(message: Message) -> Iterable[str]:
    return (message.string,) if isinstance(message.string, str) else message.string


@pytest.mark.parametrize("code", OTHERS)
def test_every_message_is_translated_and_nothing_else(code: str) -> None:
    outdated = list(messages.outdated(code))
    assert outdated == [], "python -m services.pages.messages, then translate what it added"
    for message in catalogue(FOLDER, code):
        if message.id:
            assert all(texts(message)), f"{code}: {message.id!r} has no translation"
            assert not message.fuzzy


@pytest.mark.parametrize("code", OTHERS)
def test_translations_have_the_placeholders_of_the_message(code: str) -> None:
    for message in catalogue(FOLDER, code):
        if not message.id:
            continue
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        wanted = {each for text in ids for each in PLACEHOLDER.findall(text)}
        for text in texts(message):
            found = set(PLACEHOLDER.findall(text))
            assert found <= wanted, f"{code}: {text!r}"
            # A plural form may leave out the number itself, as "one day" does.
            left_out = wanted - found
            assert not left_out or (len(ids) > 1 and left_out <= {"count", "shown"}), f"{code}: {text!r}"


@pytest.mark.parametrize("code", OTHERS)
def test_plurals_have_every_form_of_the_language(code: str) -> None:
    whole = catalogue(FOLDER, code)
    for message in whole:
        if message.id and not isinstance(message.id, str):
            assert len(list(texts(message))) == whole.num_plurals


def test_every_milestone_that_a_view_may_show_has_words() -> None:
    regions = {Region.MOVEMENT, Region.CUSTOMS, Region.DOCUMENT}
    names = {spec.name for spec in event_catalogue.specs() if spec.region in regions}
    assert names <= words.MILESTONES.keys()
