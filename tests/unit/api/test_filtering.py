"""What a view becomes under a grant."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.events import catalogue
from services.api.access.filter import field_of, number_digest, shown
from services.api.access.matrix import Field, Shown

NOTHING = dict.fromkeys(Field, Shown.NONE)
EVERYTHING = dict.fromkeys(Field, Shown.FULL)


def claim(milestone: str, happened: str, id_: str, thing: str, **more: Any) -> dict[str, Any]:
    return {
        "milestone": milestone, "phase": 0, "classifier": "ACT", "happened": happened, "place": "railnet:dostyk",
        "place_name": "Dostyk", "object": thing, "jurisdiction": "CN" if milestone.startswith("customs") else "",
        "occurrence": "", "by": "gacc", "assurance": "ASSERTED", "published": happened,
        "event": {"source": "urn:x", "id": id_}, "corrects": None, "via_disputed_link": False, **more,
    }  # fmt: skip


LOADED = claim("movement.loaded_on_wagon", "2026-03-02T00:00:00Z", "m", "container:CSQU3054383")
RELEASED = claim("customs.released", "2026-03-01T00:00:00Z", "r", "declaration:CN/531620260166204567")
FOUND = claim("customs.inspection_finding", "2026-03-03T00:00:00Z", "f", "declaration:CN/531620260166204567")
INVOICE = claim("document.invoice_issued", "2026-03-01T00:00:00Z", "i", "consignment:a/1")


def dead(*claims: dict[str, Any]) -> dict[str, Any]:
    by = {
        "event": {"source": "urn:x", "id": "back"},
        "type": "correction.retracted",
        "by": "gacc",
        "published": "",
        "variants": [],
    }
    return {
        "event": claims[0]["event"], "type": claims[0]["milestone"], "by": "gacc", "published": "", "variants": [],
        "reason": "WITHDRAWN", "withdrawn_by": [by], "claims": list(claims),
    }  # fmt: skip


LINK = {**dead(LOADED), "type": "link.declaration_covers", "claims": []}
UNDO = {**dead(LOADED), "type": "correction.retracted", "claims": []}


def view() -> dict[str, Any]:
    timeline = [
        {**each, "standing": "COUNTED", "by_train": False} for each in (LOADED, RELEASED, FOUND, INVOICE)
    ]
    return {
        "consignment": "a/1", "members": ["a/1"], "as_of": "2026-03-04T00:00:00Z", "founded_by": ["a"],
        "engaged": ["a", "b", "zbank"], "movement": LOADED,
        "boxes": [{"container": "CSQU3054383", "holds_cargo": True, "counted": True, "position": LOADED}],
        "boxes_behind": 1, "customs": {"CN": FOUND}, "document": INVOICE, "disputes": [], "disputed_links": [],
        "exceptions": [{"kind": "FINDING", "object": FOUND["object"], "jurisdiction": "CN", "owner": None, "since": FOUND}],
        "handovers": [], "route": None, "restrictions": [], "announced_restrictions": [], "past_restrictions": [], "overdue": [], "silent": False, "flagged": ["f", "m"],
        "equivocating": [], "not_live": [dead(LOADED), dead(FOUND), LINK, UNDO], "timeline": timeline,
    }  # fmt: skip


def papers(field: Field) -> list[dict[str, Any]]:
    return [{"hs": "8541430000", "by": "a"}] if field is Field.GOODS else [{"document_id": "INV-1"}]


def test_under_everything_nothing_is_lost() -> None:
    told = shown(view(), EVERYTHING, (), papers)
    for name, value in view().items():
        if name != "not_live":
            assert told[name] == value
    assert told["not_live"] == [dead(LOADED), dead(FOUND), LINK]
    assert told["goods"] == [{"hs": "8541430000", "by": "a"}]
    assert told["invoices"] == [{"document_id": "INV-1"}]


def test_under_nothing_no_claim_shows() -> None:
    told = shown(view(), NOTHING, {"zbank"}, papers)
    assert told["movement"] is None
    assert told["document"] is None
    assert told["customs"] == {}
    assert told["timeline"] == told["exceptions"] == told["flagged"] == told["not_live"] == []
    assert told["goods"] is told["invoices"] is None
    assert told["engaged"] == ["a", "b"]


def test_a_result_of_an_inspection_is_no_more_than_hold_and_release_to_an_operator() -> None:
    grants = {**EVERYTHING, Field.INSPECTION: Shown.HOLD, Field.DECLARATION_STATUS: Shown.STATUS}
    told = shown(view(), grants, (), papers)
    assert [each["milestone"] for each in told["timeline"]] == [
        "movement.loaded_on_wagon",
        "customs.released",
        "document.invoice_issued",
    ]
    # The present position is a result: the last thing that may be seen stands there, without number and place.
    assert told["customs"]["CN"]["milestone"] == "customs.released"
    assert (
        told["customs"]["CN"]["object"]
        is told["customs"]["CN"]["place"]
        is told["customs"]["CN"]["event"]
        is None
    )
    assert told["exceptions"] == []
    assert told["flagged"] == ["m"]
    assert told["not_live"] == [dead(LOADED), LINK]
    status = {**EVERYTHING, Field.INSPECTION: Shown.STATUS, Field.DECLARATION_STATUS: Shown.NONE}
    moved, (masked,) = (
        shown(view(), status, (), papers)["not_live"][0],
        shown(view(), status, (), papers)["not_live"][1:],
    )
    assert moved == dead(LOADED)
    assert masked["event"] is masked["by"] is masked["claims"][0]["object"] is None
    assert (masked["reason"], masked["withdrawn_by"]) == ("WITHDRAWN", [])


@pytest.mark.parametrize(
    ("granted", "wanted"),
    [
        (Shown.FULL, "declaration:CN/531620260166204567"),
        (Shown.HASH, f"declaration:sha256:{number_digest('a/1', 'CN/531620260166204567')}"),
        (Shown.NONE, None),
    ],
)
def test_numbers_of_declarations_show_as_granted(granted: Shown, wanted: str | None) -> None:
    told = shown(view(), {**EVERYTHING, Field.DECLARATION_NUMBER: granted}, (), papers)
    assert told["customs"]["CN"]["object"] == wanted
    assert told["exceptions"][0]["object"] == wanted


@pytest.mark.parametrize(("granted", "digits"), [(Shown.HS2, "85"), (Shown.HS4, "8541")])
def test_goods_show_by_as_many_digits_as_granted(granted: Shown, digits: str) -> None:
    told = shown(view(), {**EVERYTHING, Field.GOODS: granted}, (), papers)
    assert told["goods"] == [{"hs": digits, "by": "a"}]


def test_papers_that_may_not_be_seen_are_not_even_asked_for() -> None:
    def never(field: Field) -> list[dict[str, Any]]:
        raise AssertionError(field)

    shown(view(), NOTHING, (), never)


def test_every_milestone_has_a_group() -> None:
    for spec in catalogue.specs():
        if spec.name.partition(".")[0] not in ("link", "correction", "case"):
            assert field_of(spec.name) in Field
