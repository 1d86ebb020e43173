"""One whole and one minimal example payload per event type, the same on every machine.

Values are of the trade but of no real shipment; numbers carry right check digits.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal, get_args, get_origin

from schemas.events.base import CustomsMilestone, Payload
from schemas.events.catalogue import CATALOGUE
from schemas.events.customs_filing import Filing
from schemas.events.vocabulary import ObjectKind
from schemas.publishing.trade_examples import CONTAINERS, FILING, NOTE, OFFSHORE_DEAL, TRADE_DATA

Json = dict[str, Any]

TRAIN = "cr/X8086/2026-03-01/locode:CNXIA"
REISSUED = "CIM/PL/51021/702688/2026"

IDS = {
    ObjectKind.CONSIGNMENT: "xianport/CRE-2026-000417",
    ObjectKind.BOOKING: "xianport/BK-88213",
    ObjectKind.NOTE: NOTE,
    ObjectKind.CONTAINER: CONTAINERS[0],
    ObjectKind.DECLARATION: "CN/900120260000000417",
    ObjectKind.WAGON: "1520/94567898",
    ObjectKind.TRAIN: TRAIN,
    ObjectKind.PLACE: "locode:PLMAA",
}

_MESSAGE = b"IE029 of the office of destination, as received"

_VALUES: Json = {
    "remark": "Seen by the gate camera.",
    "classifier": "ACT",
    "happened": "2026-03-05T14:20:00+05:00",
    "happened_as_written": "05.03.2026 12:20",
    "place": "locode:KZDOS",
    "occurrence": "run-1",
    "relay": {
        "authority": "eaeu-kz",
        "message_sha256": hashlib.sha256(_MESSAGE).hexdigest(),
        "message_b64": "SUUwMjkgb2YgdGhlIG9mZmljZSBvZiBkZXN0aW5hdGlvbiwgYXMgcmVjZWl2ZWQ=",
    },
    "from": "2026-03-01T08:00:00+08:00",
    "to": "2026-03-20T08:00:00+01:00",
    "at": "2026-03-21T00:00:00+01:00",
    "parties": ["cr", "ktz"],
    "jurisdiction": "CN",
    "procedure_office": "9001",
    "office_of_destination": "PL301040",
    "time_limit": "2026-03-25T23:59:59+01:00",
    "counterparty": "ktz",
    "consignee": "ruhr-machines",
    "place_of_receipt": "locode:CNXIA",
    "place_of_delivery": "locode:DEDUI",
    "carrier_acceptance_place": "locode:CNXIA",
    "next_place": "locode:KZAST",
    "delivered_train": TRAIN,
    "received_train": "ktz/1403/2026-03-05/locode:KZDOS",
    "train": TRAIN,
    "wagon": IDS[ObjectKind.WAGON],
    "wagons": [IDS[ObjectKind.WAGON]],
    "containers": list(CONTAINERS),
    "booking": IDS[ObjectKind.BOOKING],
    "bookings": [IDS[ObjectKind.BOOKING]],
    "note": NOTE,
    "notes": [NOTE],
    "replaces": [NOTE],
    "declaration": IDS[ObjectKind.DECLARATION],
    "consignment": IDS[ObjectKind.CONSIGNMENT],
    "consignments": [IDS[ObjectKind.CONSIGNMENT], "silk-forwarding/SF-55120"],
    "trains": ["rtb/DEMO4530120-00-2026/2026-03-12", "rtb/45301/2026-03-12/locode:PLMAA"],
    "declarations": ["PL/26PL301010NU5G7BJ0", "PL/LRN/PL1234567890/SF-55120"],
    "reference": "CRE-2026-000417",
    "shared": False,
    "places": ["locode:CNXIA", "locode:KZDOS", "locode:PLMAA", "locode:DEDUI"],
    "commodities": ["84713000", "8517"],
    "seals": ["CN0417733"],
    "list_number": "1204",
    "order_number": "2026/0312",
    "act_number": "4471",
    "report_number": "KA-118",
    "referral": "RFI-2231",
    "container_owner_order": "REL-77120",
    "container_quantity": 2,
    "package_quantity": 412,
    "gross_weight_kg": 21_340,
    "net_weight_kg": 19_870,
    "verified_gross_mass_kg": 25_140,
    "free_days": 5,
    "delay_minutes": 35,
    "amendment_number": 1,
    "measured_millicelsius": 9_400,
    "lowest_millicelsius": 2_000,
    "highest_millicelsius": 8_000,
    "un_number": "3480",
    "vessel_imo": "9074729",
    "document_id": "INV-2026-0417",
    "issue_date": "2026-02-26",
    "payment_due_date": "2026-05-26",
    "valid_from": "2026-03-01",
    "valid_to": "2026-06-01",
    "grand_total_amount": {"minor_units": 4_175_000_00, "currency_code": "CNY"},
    "insured_amount": {"minor_units": 4_592_500_00, "currency_code": "CNY"},
    "origin_country_code": "CN",
    "preferential": False,
    "seller_party": {"scheme": "USCC", "id": "91330100799655058B"},
    "buyer_party": {"scheme": "LEI", "id": "5493000IBP32UQZ0KL24"},
    "consignor_party": {"scheme": "USCC", "id": "91330100799655058B"},
    "consignee_party": {"scheme": "PARTY", "id": "ruhr-machines"},
    "released_to_party": {"scheme": "PARTY", "id": "ruhr-machines"},
    "insurer_party": {"scheme": "PARTY", "id": "sino-cover"},
    "insured_party": {"scheme": "USCC", "id": "91330100799655058B"},
    "bank": "abank",
    "application": "xian-optics/AP-2026-31",
    "financing": "abank/LN-2026-88",
    "replaced_by": "abank/LN-2026-93",
    "to_bank": "bbank",
    "requested_amount": {"minor_units": 2_900_000_00, "currency_code": "CNY"},
    "value_amount": {"minor_units": 4_175_000_00, "currency_code": "CNY"},
    "approved_amount": {"minor_units": 2_900_000_00, "currency_code": "CNY"},
    "drawn_amount": {"minor_units": 1_500_000_00, "currency_code": "CNY"},
    "repaid_amount": {"minor_units": 500_000_00, "currency_code": "CNY"},
    "overdue_amount": {"minor_units": 1_000_000_00, "currency_code": "CNY"},
    "proceeds_amount": {"minor_units": 950_000_00, "currency_code": "CNY"},
    "amount": {"minor_units": 1_500_000_00, "currency_code": "CNY"},
    "advance_rate": 7_000,
    "matures_on": "2026-06-30",
    "due_on": "2026-06-30",
    "due": "2026-07-01T00:00:00Z",
    "due_event": hashlib.sha256(b"the plan").hexdigest()[:32],
    "lateness": "LIKELY_LATE",
    "p10": "2026-06-29T04:00:00Z",
    "p50": "2026-07-02T10:00:00Z",
    "p90": "2026-07-07T22:00:00Z",
    "model": "arrival-1-5b1f0a6f9d0c4e27",
    "inputs_sha256": hashlib.sha256(b"what the forecast is a function of").hexdigest(),
    "deliver_to": "locode:DEDUI",
    "jurisdictions": ["CN", "KZ", "RU", "BY", "PL", "DE"],
    "agreement_number": "PA-2026-88",
    "alert": hashlib.sha256(b"an alert").hexdigest()[:32],
    "duplicate_holder": "abank",
    "consignee_may_dispose": False,
    "ends_at": "2026-03-18T00:00:00+01:00",
    "register_name": "unified movable-property registration",
    "country": "CN",
    "number": "09881726000331",
    "registered_on": "2026-03-02",
    "expires_on": "2027-03-02",
    "release_to_party": {"scheme": "PARTY", "id": "ruhr-machines"},
    "transfer_to_party": {"scheme": "PARTY", "id": "ruhr-machines"},
    "position": 14,
    "before": 88_216,
    "state_sha256": hashlib.sha256(b"what the decision rests on").hexdigest(),
    "takes_sha256": hashlib.sha256(b"the fingerprints of the papers").hexdigest(),
    "asked_digest": hashlib.sha256(b"the request").hexdigest()[:32],
    "request_event": hashlib.sha256(b"the signed event").hexdigest()[:32],
    "cargo": ["xaport/XA-2026-1"],
    "request": {"source": "https://abank.example/lianyun", "id": "pledge-88"},
    "idempotency_key": "abank-7c1f",
    "asked_by": "abank",
    "applicant": "xian-optics",
    "product": "EXPORT_RECEIVABLE",
    "interest": "RECEIVABLE",
    "until": "2026-03-08T14:20:00+05:00",
    "guard": "RESERVATION_VALID",
    "satisfied_by": "A new reservation: this one ended before the pledge.",
    "rules": "2026-11",
    "frees": ["bbank/RF-2026-5"],
    "notices": ["SIMILAR"],
    "target": "3f0c6a52-0001",
    "cut_off": "2026-02-28T12:00:00+08:00",
    "invoice_number": "FR-2026-0311",
    "claim_number": "SC-2026-118",
    "debtor": "west-lake-tools",
    "against": "west-lake-tools",
    "consent": {"source": "https://west-lake-tools.example/lianyun", "id": "consent-7"},
    "dispute": {"source": "https://west-lake-tools.example/lianyun", "id": "objection-2"},
    "concerns": {"source": "https://gacc.example/lianyun", "id": "finding-88120"},
    "case": hashlib.sha256(b"what the case is about").hexdigest()[:32],
    "by": {"party": "ktz", "desk": "dostyk-shift"},
    "person": {"issuer": "https://id.example/realms/ktz", "pseudonym": "5a0e9cb2d1f34786a1c05be2f94d7e13"},
    "prepared_by": {
        "issuer": "https://id.example/realms/bank",
        "pseudonym": "0b6c9a52d1f34786a1c05be2f94d7e13",
    },
    "approved_by": {
        "issuer": "https://id.example/realms/bank",
        "pseudonym": "7f31c8b0d1f34786a1c05be2f94d7e13",
    },
    "since": "2026-03-05T11:40:00+05:00",
    "evidence": [hashlib.sha256(b"the event that holds the train").hexdigest()[:32]],
    "shares": [{"kind": "container", "id": CONTAINERS[0]}],
    "waiver": {"grounds": "OTHER_SECURITY"},
    "goods": [{"kind": "container", "id": CONTAINERS[0]}],
    "resembles": [
        {
            "kind": "NEAR_TRADE",
            "features": ["AMOUNT_EQUAL", "GOODS_SAME", "PARTIES_SAME"],
            "points": 90,
            "table": "2026-12",
            "deals": 1,
        }
    ],
    "reviewed": 88_201,
    "reviewers": ["r-17", "r-42"],
    "freed_sha256": hashlib.sha256(b"the fingerprints that are freed").hexdigest(),
    "released_amount": {"minor_units": 90_000_000, "currency_code": "CNY"},
    "restriction": {"source": "https://pkp.example/lianyun", "id": "order-2026-14"},
}

_WHOLE_RELAY: Json = {
    "authority": "eaeu-kz",
    "message_sha256": hashlib.sha256(_MESSAGE).hexdigest(),
    "message_b64": "H4sIAAAAAAAA//N0NTCyVMhPUyjJSAVSaZnJIEohJbW4JDMvsSQzP09HIbFYoSg1OTWzLDUFAFO5LakvAAAA",
    "message_length": len(_MESSAGE),
    "packing": "GZIP",
}
_STEPS_OF_CASES = ("reopened", "acknowledged", "noted", "closed")
_ASSIGNED: Json = {"number": 4_113, "before": 4_112, "to": {"party": "ktz", "desk": "aktogay-shift"}}
_SNOOZED: Json = {"number": 4_114, "before": 4_113, "reason": "The locomotive is promised for the evening."}
_BY_TYPE: dict[str, Json] = {
    "cre.credit.consent_granted.v1": {"scope": ["SCORE", "SIGNALS"]},
    "cre.trade.dataset_stated.v1": {"owner": "xian-optics", "occurrence": "", "dataset": TRADE_DATA},
    "cre.trade.finding_explained.v1": {
        "objects": [],
        "occurrence": "",
        "owner": "xian-optics",
        "reference": "T-2026-031",
        "finding": {
            "check": "D04",
            "lines": "L1 ~ 1",
            "digest": hashlib.sha256(b"a finding").hexdigest(),
        },
        "text": "Resold in transit: both contracts are with the declarant.",
    },
    "cre.trade.offshore_deal_stated.v1": OFFSHORE_DEAL,
    "cre.trade.annotation_decided.v1": {
        "number": 17,
        "action": "ANNOTATE",
        "outcome": "REFUSED",
        "by": "abank",
        "request": "annotate-2026-17",
        "deal": "xian-optics/OD-2026-7",
        "stated": hashlib.sha256(b"a deal").hexdigest()[:32],
        "annotation": 17,
        "kind": "INVOICE",
        "measure": "EUR",
        "part": 4_000_000,
        "whole": 9_000_000,
        "guard": "PAPER_FREE",
        "satisfied_by": "The revocation or the release of what is recorded on this paper.",
        "rules": "annotation-1",
    },
    "cre.movement.transshipped.v1": {"gauge_from": 1435, "gauge_to": 1520},
    "cre.movement.advance_list_sent.v1": {"classifier": "PLN"},
    "cre.movement.booked.v1": {"classifier": "PLN"},
    "cre.network.restricted.v1": {"place": "crossing:brest-malaszewicze"},
    "cre.finance.applied.v1": {"reference": "AP-2026-31"},
    "cre.finance.decided.v1": {"number": 88_217, "guard": "RESERVATION_VALID", "position": 4_417_002},
    "cre.finance.decided.v2": {"number": 88_217, "guard": "RESERVATION_VALID", "position": 4_417_002},
    "cre.finance.decided.v3": {"number": 88_217, "guard": "RELEASE_BLOCKED", "position": 4_417_002},
    "cre.finance.decided.v4": {"number": 88_217, "guard": "VALUE_COVERS", "position": 4_417_002},
    "cre.finance.decided.v5": {"number": 88_217, "guard": "VALUE_COVERS", "position": 4_417_002},
    **{
        f"cre.case.{step}.v{version}": {"number": 4_112, "before": 4_108}
        for step in _STEPS_OF_CASES
        for version in (1, 2)
    },
    "cre.case.opened.v1": {
        "number": 4_108,
        "what": "TRAIN_HELD",
        "about": {"kind": "train", "id": "ktz/1403/2026-03-05/locode:KZDOS"},
        "jurisdiction": "",
    },
    "cre.case.opened.v2": {
        "number": 4_109,
        "what": "ARRIVAL_LATE",
        "about": {"kind": "consignment", "id": IDS[ObjectKind.CONSIGNMENT]},
        "jurisdiction": "",
    },
    "cre.case.opened.v3": {
        "number": 4_110,
        "kind": "CONTRADICTION",
        "what": "D04",
        "about": {"kind": "place", "id": "dataset:xian-optics/T-2026-031"},
        "jurisdiction": "",
    },
    "cre.case.arrival_judged.v1": {"number": 312, "before": 288},
    "cre.document.decided.v1": {
        "number": 41,
        "before": 40,
        "document": "5b1d0f6f2c6a4a33b7de1c0a9f1e2d3c",
        "kind": "MULTIMODAL_BILL",
        "form": "NEGOTIABLE",
        "action": "PLEDGE",
        "outcome": "REFUSED",
        "by": "west-lake-tools",
        "to": "abank",
        "request": "i-2026-41",
        "version": 1,
        "content_sha256": hashlib.sha256(b"a document").hexdigest(),
        "previous_sha256": hashlib.sha256(b"a transfer").hexdigest(),
        "paper": "P-2026-1",
        "instruction_sha256": hashlib.sha256(b"an instruction").hexdigest(),
        "instruction_signature": "v1;ed25519;0123456789abcdef;c2lnbmF0dXJl",
        "registry": 17,
        "transfer": 2,
        "transfer_sha256": hashlib.sha256(b"the transfer").hexdigest(),
        "guard": "CHAIN_MOVED",
        "satisfied_by": "Read the chain again and name the digest of its latest transfer.",
        "rules": "legal-bases-2026-11",
    },
    "cre.case.assigned.v1": _ASSIGNED,
    "cre.case.assigned.v2": _ASSIGNED,
    "cre.case.snoozed.v1": _SNOOZED,
    "cre.case.snoozed.v2": _SNOOZED,
    "cre.document.note_reissued.v1": {"objects": [{"kind": "note", "id": REISSUED}], "form": "CIM"},
    "cre.link.consignment_opened.v1": {
        "parties": [{"party": "cr", "role": "railway"}, {"party": "ruhr-machines", "role": "consignee"}]
    },
    "cre.link.containers_assigned.v1": {
        "carries": [{"kind": "consignment", "id": IDS[ObjectKind.CONSIGNMENT]}]
    },
    "cre.link.note_covers.v1": {"covers": [{"kind": "consignment", "id": IDS[ObjectKind.CONSIGNMENT]}]},
}


def example(type_: str, *, whole: bool = True) -> Json:
    """The example payload of ``type_``: with every field, or only with what is required."""
    model = CATALOGUE[type_]
    return {
        field.alias or name: _value(model, field.alias or name, field.annotation)
        for name, field in model.model_fields.items()
        if whole or field.is_required()
    }


def _value(model: type[Payload], name: str, annotation: Any) -> Any:
    type_ = model.spec.type
    if name in _BY_TYPE.get(type_, {}):
        return _BY_TYPE[type_][name]
    if issubclass(model, Filing) and name in FILING:
        return FILING[name]
    if name == "relay" and model.spec.version > 1 and not issubclass(model, Filing):
        return _WHOLE_RELAY
    if name == "salt":
        return hashlib.sha256(f"salt of the example of {type_}".encode()).hexdigest()[:32]
    if name == "replacement":
        return {"type": "cre.movement.departed.v1", "data": example("cre.movement.departed.v1", whole=False)}
    if name in ("objects", "parts"):
        return _objects(model)
    choices = _choices(annotation)
    if choices:
        return choices[0]
    return _VALUES[name]


def _objects(model: type[Payload]) -> list[Json]:
    allowed = model.spec.objects
    if issubclass(model, CustomsMilestone):
        return [{"kind": "declaration", "id": IDS[ObjectKind.DECLARATION]}]
    if ObjectKind.CONTAINER in allowed:
        return [{"kind": "container", "id": box} for box in CONTAINERS]
    kind = min(allowed)
    return [{"kind": kind.wire, "id": IDS[kind]}]


def _choices(annotation: Any) -> tuple[Any, ...]:
    """The values of a Literal, also inside Optional."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    for part in get_args(annotation):
        found = _choices(part)
        if found:
            return found
    return ()
