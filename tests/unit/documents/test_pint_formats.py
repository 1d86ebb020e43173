"""What goes to other platforms, against the published schema of DCSA's PINT 3.0.0, and the export against OpenAttestation's own files."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OKPKey
from jsonschema import Draft202012Validator

from services.documents.pint.domain import envelope, open_attestation
from services.documents.pint.domain.register import Act, Contradicted, Control, Step, after
from services.documents.pint.domain.signed_content import (
    BadContent,
    BadSignature,
    Directory,
    canonical,
    signed,
)

SCHEMA = (
    Path(__file__).resolve().parents[3].parent
    / "shared/data/dcsa/pint/src/main/resources/standards/pint/schemas/EBL_PINT_v3.0.0.yaml"
)
KEY = OKPKey.generate_key("Ed25519")
DIRECTORY = Directory({"LYUN": [{**KEY.as_dict(private=False), "kid": KEY.thumbprint()}]})
SUM = "0" * 64
# As Open-Attestation/open-attestation has it in test/fixtures/v2 (Apache-2.0): whole, and with the digest of what is withheld.
FIXTURE: dict[str, Any] = {
    "version": open_attestation.SCHEMA,
    "data": {
        "$template": {
            "name": "fdb9d37a-ac86-4956-887c-d221c8e0cd62:string:main",
            "type": "31f7607f-54b9-46e7-8c1d-9c013c2ecd88:string:EMBEDDED_RENDERER",
            "url": "744f3009-426f-4ab7-91be-72abc02332e1:string:https://tutorial-renderer.openattestation.com",
        },
        "recipient": {"name": "f948b6d5-c75c-4c43-99f3-216efac4e00b:string:John Doe"},
        "issuers": [
            {
                "name": "d722d892-03c5-479d-af14-e4e7c6a4b822:string:Demo Issuer",
                "documentStore": "0aaf2824-6679-4bda-a669-b94ce50ef590:string:0x8bA63EAB43342AAc3AdBB4B827b68Cf4aAE5Caca",
                "identityProof": {
                    "type": "af17ca30-0e7f-4fd9-848e-815f12badd6f:string:DNS-TXT",
                    "location": "39c6d282-3061-492c-ae56-85745cc3edb7:string:demo-tradetrust.openattestation.com",
                },
            }
        ],
    },
    "signature": {
        "type": "SHA3MerkleProof",
        "targetHash": "c5d53262962b192c5c977f2252acd4862f41cc1ccce7e87c5b406905a2726692",
        "proof": [],
        "merkleRoot": "c5d53262962b192c5c977f2252acd4862f41cc1ccce7e87c5b406905a2726692",
    },
}


def party(code: str) -> envelope.Party:
    listed = envelope.IdentifyingCode(code_list_provider="ZZZ", party_code=code)
    return envelope.Party(party_name=code, ebl_platform="LYUN", identifying_codes=[listed])


ACT = envelope.Transaction(
    action_code=envelope.ActionCode.TRANSFER,
    actor=party("a"),
    recipient=party("b"),
    action_date_time="2026-11-28T10:00:00.000Z",
)
FILE = envelope.DocumentMetadata(name="list.pdf", size=3, media_type="application/pdf", document_checksum=SUM)
MEMBERS = {
    "EnvelopeTransferChainEntry": envelope.ChainEntry(
        ebl_platform="LYUN",
        transport_document_checksum=SUM,
        previous=SUM,
        visualisation=FILE,
        issuance_manifest_signed_content="a.b.c",
        control_tracking_registry="https://register.example/v1",
        transactions=[ACT],
    ),
    "EnvelopeManifest": envelope.EnvelopeManifest(
        transport_document_checksum=SUM, last_entry=SUM, visualisation=FILE, supporting_documents=[FILE]
    ),
    "IssuanceManifest": envelope.IssuanceManifest(
        document_checksum=SUM, issue_to_checksum=SUM, visualisation_checksum=SUM
    ),
    "EnvelopeTransferStartedResponse": envelope.StartedResponse(
        envelope_reference=SUM,
        transport_document_checksum=SUM,
        last_entry=SUM,
        missing_additional_document_checksums=[SUM],
    ),
    "EnvelopeTransferFinishedResponse": envelope.FinishedResponse(
        last_entry=SUM,
        response_code=envelope.ResponseCode.DUPE,
        duplicate_of="a.b.c",
        reason="again",
        missing_additional_document_checksums=[SUM],
        received_additional_document_checksums=[SUM],
    ),
}


@pytest.mark.skipif(not SCHEMA.is_file(), reason="the published schema is not beside this checkout")
def test_every_member_is_written_as_the_published_schema_has_it() -> None:
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    assert schema["info"]["version"] == envelope.VERSION
    for name, member in MEMBERS.items():
        own = schema["components"]["schemas"][name]
        validator = Draft202012Validator({**schema, "$ref": f"#/components/schemas/{name}"})
        assert list(validator.iter_errors(member.json_object())) == [], name
        # That an entry may have the visualisation is said of the manifest, in words only.
        assert set(member.json_object()) - {"eBLVisualisationByCarrier"} <= set(own["properties"]), name
        assert set(own["properties"]) <= set(member.json_object()), name
    codes = schema["components"]["schemas"]["EnvelopeTransferFinishedResponse"]["properties"]["responseCode"]
    assert set(codes["enum"]) == set(envelope.ResponseCode)


def test_a_signed_content_is_read_only_under_a_known_key() -> None:
    text = signed({"b": 56.0, "a": "é"}, KEY)
    assert DIRECTORY.opened(text).payload == {"a": "é", "b": 56}
    head, payload, signature = text.split(".")
    other = signed({}, OKPKey.generate_key("Ed25519"))
    for wrong in (
        other,
        f"{head}.{payload}.{signature[:-8]}AAAAAAAA",
        f"{head}..{signature}",
        head,
        f"{text}.",
    ):
        with pytest.raises(BadSignature):
            DIRECTORY.opened(wrong)
    with pytest.raises(BadContent):
        canonical(2**53 + 1)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(Act),
        st.sampled_from(["LYUN", "WAVE", "BOLE"]),
        st.sampled_from(["WAVE", "LYUN", "BOLE"]),
        st.sampled_from(["1" * 64, "2" * 64]),
    ),
    max_size=40,
)


@given(STEPS)
def test_whatever_is_tried_one_platform_controls_a_document(
    tried: list[tuple[Act, str, str, str]],
) -> None:
    control: Control | None = None
    history: list[tuple[Act, Control]] = []
    for act, by, recipient, entry in tried:
        step = Step(
            register_uri="r",
            transport_document_checksum=SUM,
            number=0 if control is None else control.steps,
            act=act,
            entry=entry,
            recipient=recipient,
        )
        try:
            control = after(control, step, by)
        except Contradicted:
            continue
        history.append((act, control))
    for (_, before), (act, now) in pairwise(history):
        assert (now.controller != before.controller) == (act is Act.ACCEPT)
        assert now.steps == before.steps + 1
        if act is Act.ACCEPT:
            assert before.offer is not None
            assert (now.controller, now.entry) == (before.offer.recipient, before.offer.entry)


def test_an_export_has_the_digest_of_the_reference_implementation_and_keeps_it_when_values_are_withheld() -> (
    None
):
    assert open_attestation.intact(FIXTURE)
    hidden = open_attestation.withheld(FIXTURE, ["recipient.name"])
    assert hidden["privacy"]["obfuscatedData"] == [
        "45c49a0e6efbde83c602cf6bbe4aa356d495feaf78a9a309cc1bad101f5c52f4"
    ]
    assert "John Doe" not in json.dumps(hidden)
    assert open_attestation.intact(hidden)
    own = open_attestation.wrapped(
        {"goods": [{"mass": 12.5, "name": "茶"}], "seals": ["A", "B"], "x": None}, b"s"
    )
    assert open_attestation.plain(own["data"])["goods"] == [{"mass": 12.5, "name": "茶"}]
    less = open_attestation.withheld(open_attestation.withheld(own, ["seals"]), ["goods.0.mass"])
    assert open_attestation.intact(own)
    assert open_attestation.intact(less)
    for changed in (
        json.loads(json.dumps(own).replace("12.5", "12.6")),
        {**less, "privacy": {"obfuscatedData": less["privacy"]["obfuscatedData"][1:]}},
        {**own, "signature": {**own["signature"], "merkleRoot": SUM}},
    ):
        assert not open_attestation.intact(changed)
    with pytest.raises(LookupError):
        open_attestation.withheld(own, ["seals.0"])
