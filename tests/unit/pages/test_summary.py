"""What stands first on a tracking page, for stories that a shipper would ask about."""

from __future__ import annotations

from services.pages.tracking.summary import Summary, summary
from tests.stories.story import stories
from tests.support.story_views import story_views

STORIES = {story.slug[:2]: story for story in stories()}


def first(number: str) -> Summary:
    known, body = next(story_views(STORIES[number]))
    places = () if known.view.route is None else known.view.route.places
    return summary(body, places, known.as_of)


def test_a_closed_border_ahead_needs_attention_and_has_its_end() -> None:
    found = first("25")
    assert (found.tone, found.phase) == ("warn", 3)
    (closure,) = [each for each in found.concerns if each.kind == "restriction"]
    assert (closure.code, closure.until is not None) == ("BORDER_CLOSED", True)
    reached = [(each.code, each.state) for each in found.reached]
    assert reached == [
        ("booked", "done"), ("origin", "done"), ("departed", "done"), ("gauge", "done"), ("gauge", "now"),
        ("destination", "ahead"), ("picked_up", "ahead"), ("delivered", "ahead"),
    ]  # fmt: skip


def test_the_container_that_is_furthest_behind_is_shown_and_the_others_told() -> None:
    found = first("04")
    assert not found.together
    assert found.box_count == 2
    assert found.position is not None
    assert found.position.milestone == "movement.transshipped"


def test_silence_is_named_and_not_called_normal() -> None:
    found = first("30")
    assert [each.kind for each in found.concerns] == ["silent"]
    assert found.quiet_until is None


def test_trouble_stays_trouble_after_the_delivery() -> None:
    known, body = next(story_views(STORIES["34"]))
    delivered = summary(body, (), known.as_of)
    assert delivered.phase >= 6
    assert delivered.tone == "done"
    since = body["movement"]
    broken = {
        "kind": "DAMAGED",
        "object": "container:X",
        "jurisdiction": "",
        "owner": "terminal",
        "since": since,
    }
    again = summary({**body, "exceptions": [broken]}, (), known.as_of)
    assert again.tone == "bad"
    assert again.concerns[0].owner == "terminal"


def test_what_is_masked_is_absent() -> None:
    known, body = next(story_views(STORIES["25"]))
    masked = {
        **body["movement"],
        "place": None,
        "by": None,
        "object": None,
        "assurance": None,
        "published": None,
    }
    found = summary({**body, "movement": masked, "boxes": [], "timeline": []}, (), known.as_of)
    assert found.position is not None
    assert (found.position.place, found.position.by, found.line) == ("", "", None)
