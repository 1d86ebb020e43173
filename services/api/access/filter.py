"""The view of a consignment as one party may see it: a pure function of the plain view and what the matrix grants."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from services.api.access.matrix import Field, Shown

Plain = dict[str, Any]
_INSPECTION = frozenset(
    {
        "customs.selected_for_inspection",
        "customs.inspection_passed",
        "customs.inspection_finding",
        "customs.finding_settled",
    }
)
_BY_MILESTONE = {
    **dict.fromkeys(_INSPECTION, Field.INSPECTION),
    "document.invoice_issued": Field.INVOICE,
    "trade.dataset_stated": Field.INVOICE,
    "trade.finding_explained": Field.FINDING,
    "document.insurance_bound": Field.INVOICE,
    "document.insurance_cancelled": Field.INVOICE,
    "document.packing_list_issued": Field.GOODS,
    "document.certificate_of_origin_issued": Field.GOODS,
}
_BY_REGION = {
    "movement": Field.MOVEMENT,
    "document": Field.MOVEMENT,
    "network": Field.MOVEMENT,
    "customs": Field.DECLARATION_STATUS,
    "finance": Field.FINANCING,
    "credit": Field.CREDIT,
}
_MASKED_KEPT = ("milestone", "phase", "classifier", "happened", "jurisdiction", "standing", "recorded")


def field_of(milestone: str) -> Field:
    """The group that a milestone belongs to, by its name; KeyError for a region that nobody has placed."""
    return _BY_MILESTONE.get(milestone) or _BY_REGION[milestone.partition(".")[0]]


def shown(
    view: Plain,
    grants: Mapping[Field, Shown],
    hidden: Collection[str],
    papers: Callable[[Field], list[Plain]],
) -> Plain:
    """What of ``view`` (``services.query.view_json.view_json``) is shown under ``grants``.

    ``hidden`` are parties whose part in the consignment is not shown (banks, to others). Without the numbers (``Field.IDS``) no
    object has a name. ``papers`` gives goods and invoices,
    and is asked only for what may be seen.
    """
    claim = _Claims(view["consignment"], grants)
    timeline = [each for arrival in view["timeline"] if (each := claim(arrival)) is not None]
    not_live = [
        visible
        for each in view["not_live"]
        if each["by"] not in hidden and (visible := _not_live(claim, grants, each)) is not None
    ]
    seen = {each["event"]["id"] for each in (*timeline, *not_live) if each["event"] is not None}
    told = {
        "consignment": view["consignment"],
        "members": view["members"],
        "as_of": view["as_of"],
        "founded_by": view["founded_by"],
        "engaged": [code for code in view["engaged"] if code not in hidden],
        "movement": claim(view["movement"]),
        "boxes": [{**box, "position": claim(box["position"])} for box in view["boxes"]],
        "boxes_behind": view["boxes_behind"],
        "customs": {
            code: visible
            for code, position in view["customs"].items()
            if (visible := claim(position) or _last(timeline, code)) is not None
        },
        "document": claim(view["document"]) or _last_document(timeline),
        "disputes": [visible for each in view["disputes"] if (visible := _dispute(claim, each)) is not None],
        "disputed_links": view["disputed_links"] if grants[Field.IDS] is Shown.FULL else [],
        "exceptions": [
            visible for each in view["exceptions"] if (visible := _exception(claim, each)) is not None
        ],
        "handovers": view["handovers"],
        "route": view["route"],
        "restrictions": view["restrictions"],
        "announced_restrictions": view["announced_restrictions"],
        "past_restrictions": view["past_restrictions"],
        "overdue": [visible for each in view["overdue"] if (visible := claim(each)) is not None],
        "silent": view["silent"],
        "flagged": [each for each in view["flagged"] if each in seen],
        "equivocating": [each for each in view["equivocating"] if each in seen],
        "goods": _goods(grants[Field.GOODS], papers),
        "invoices": papers(Field.INVOICE) if grants[Field.INVOICE] is Shown.FULL else None,
        "not_live": not_live,
        "timeline": timeline,
    }
    return told if grants[Field.IDS] is Shown.FULL else _without_numbers(told)


def _without_numbers(view: Plain) -> Plain:
    """The view without what containers, wagons, trains and documents are called by, events too: publishers name them by cargo."""

    def bare(claim: Plain | None) -> Plain | None:
        nameless = {"object": None, "event": None, "corrects": None, "occurrence": None}
        return None if claim is None else {**claim, **nameless}

    def dead(each: Plain) -> Plain:
        claims = [bare(claim) for claim in each["claims"]]
        return {**each, "event": None, "variants": [], "withdrawn_by": [], "claims": claims}

    lists = ("missing", "surplus", "announced_only", "unannounced", "trains")
    return {
        **view,
        "members": [view["consignment"]],
        "movement": bare(view["movement"]),
        "document": bare(view["document"]),
        "boxes": [{**box, "container": None, "position": bare(box["position"])} for box in view["boxes"]],
        "customs": {code: bare(claim) for code, claim in view["customs"].items()},
        "disputes": [
            {**each, "object": None, "answers": [bare(claim) for claim in each["answers"]]}
            for each in view["disputes"]
        ],
        "exceptions": [{**each, "object": None, "since": bare(each["since"])} for each in view["exceptions"]],
        "handovers": [
            {**each, "occurrence": "", **{name: [] for name in lists}} for each in view["handovers"]
        ],
        "overdue": [bare(claim) for claim in view["overdue"]],
        "flagged": [],
        "equivocating": [],
        "not_live": [dead(each) for each in view["not_live"]],
        "timeline": [bare(item) for item in view["timeline"]],
    }


class _Claims:
    """How a claim is shown: whole, masked or not at all."""

    def __init__(self, consignment: str, grants: Mapping[Field, Shown]) -> None:
        self._consignment, self._grants = consignment, grants

    def __call__(self, claim: Plain | None) -> Plain | None:
        if claim is None:
            return None
        granted = self._grants[field_of(claim["milestone"])]
        if granted is Shown.FULL:
            return {**claim, "object": self.object(claim["object"])}
        if granted in (Shown.STATUS, Shown.CATEGORY):
            kept = (*_MASKED_KEPT, "finding") if granted is Shown.CATEGORY else _MASKED_KEPT
            return {name: claim[name] if name in kept else None for name in claim}
        return None

    def object(self, text: str) -> str | None:
        """The name of an object; a declaration's number by what is granted of numbers."""
        kind, _, key = text.partition(":")
        if kind != "declaration":
            return text
        granted = self._grants[Field.DECLARATION_NUMBER]
        if granted is Shown.FULL:
            return text
        return (
            f"declaration:sha256:{number_digest(self._consignment, key)}" if granted is Shown.HASH else None
        )


def number_digest(consignment: str, key: str) -> str:
    """By what a bank compares its own copy of a declaration's number: SHA-256, in hexadecimal digits.

    Over the consignment's id, a zero byte and the key (``CN/531620260166204567``). It hides nothing from somebody who
    can try all numbers of one customs office and year; it keeps numbers out of files and logs.
    """
    return hashlib.sha256(f"{consignment}\0{key}".encode()).hexdigest()


def _dispute(claim: _Claims, dispute: Plain) -> Plain | None:
    answers = [visible for each in dispute["answers"] if (visible := claim(each)) is not None]
    if not answers:
        return None
    masked = answers[0]["by"] is None
    return {
        **dispute,
        "object": None if masked else claim.object(dispute["object"]),
        "place": None if masked else dispute["place"],
        "place_name": None if masked else dispute["place_name"],
        "answers": answers,
    }


def _exception(claim: _Claims, exception: Plain) -> Plain | None:
    since = claim(exception["since"])
    if since is None:
        return None
    masked = since["by"] is None
    return {**exception, "object": None if masked else claim.object(exception["object"]), "since": since}


def _not_live(claim: _Claims, grants: Mapping[Field, Shown], dead: Plain) -> Plain | None:
    """An event that does not count: as its claims are shown, a link as numbers are; of other kinds nothing."""
    if not dead["claims"]:
        seen = (dead["type"] or "").startswith("link.") and grants[Field.IDS] is Shown.FULL
        declared = "declaration" in (dead["type"] or "")
        return dead if seen and not (declared and grants[Field.DECLARATION_STATUS] is Shown.NONE) else None
    claims = [visible for each in dead["claims"] if (visible := claim(each)) is not None]
    if not claims:
        return None
    if any(each["by"] is None for each in claims) or len(claims) < len(dead["claims"]):
        masked: Plain = {
            "event": None,
            "type": None,
            "by": None,
            "published": None,
            "variants": [],
            "withdrawn_by": [],
        }
        return {**masked, "reason": dead["reason"], "claims": claims}
    variants = [
        {**each, "claims": [claim(stated) for stated in each.get("claims", ())]} for each in dead["variants"]
    ]
    return {**dead, "variants": variants, "claims": claims}


def _last(timeline: list[Plain], jurisdiction: str) -> Plain | None:
    """The latest customs fact of a jurisdiction that may be seen, where the present one may not."""
    return _latest(
        [
            each
            for each in timeline
            if each["jurisdiction"] == jurisdiction and each["milestone"].startswith("customs.")
        ]
    )


def _last_document(timeline: list[Plain]) -> Plain | None:
    return _latest([each for each in timeline if each["milestone"].startswith("document.")])


def _latest(claims: list[Plain]) -> Plain | None:
    counted = [each for each in claims if each["standing"] == "COUNTED" and each["classifier"] == "ACT"]
    if not counted:
        return None
    last = max(counted, key=lambda each: each["happened"])
    return {name: value for name, value in last.items() if name not in ("standing", "because", "by_train")}


def _goods(granted: Shown, papers: Callable[[Field], list[Plain]]) -> list[Plain] | None:
    digits = {Shown.FULL: 10, Shown.HS4: 4, Shown.HS2: 2}.get(granted)
    if digits is None:
        return None
    short = {(each["hs"][:digits], each["by"]) for each in papers(Field.GOODS)}
    return [{"hs": code, "by": by} for code, by in sorted(short)]
