"""A document over HTTP and by the command line: proposed from shared data, signed, issued, pledged, shown to whoever may read it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.document_instruction import Instruction
from services.cli.documents import app
from services.ledger.storage.session import open_session
from services.producers.profile import Profile
from services.testbed.localstack.engine import DatabaseAddress
from services.transparency.domain.receipt import Receipt
from tests.support.api.cast import play
from tests.support.api.server import RunningApi
from tests.support.databases import migrated_database
from tests.support.documents_stored import BANK, BILL, CARRIER, CONSIGNEE, ISSUER, SHIPPER, cosign
from tests.support.financing.stored_world import SIGNER, key_of

pytestmark = pytest.mark.integration
PROPOSED = {
    **{name: value for name, value in BILL.plain.items() if name not in ("version", "previous", "fields")},
    "fields": {"freight_payment": "PREPAID", "containers": ["CSQU3054383", "TBJU7000010"]},
}

RECEIPT = {"number": "FCR-1", "kind": "FORWARDERS_RECEIPT", "form": "RECEIPT", "basis": "CONTRACT"}


@pytest.fixture(scope="module")
def api(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    address = migrated_database(postgres, "documents_api")
    play(address)
    with RunningApi(address, tmp_path_factory.mktemp("api")) as running:
        yield running


def signed(party: str, action: str, content: str, request: str, **more: Any) -> dict[str, Any]:
    """The body of an instruction, signed by its party's key."""
    ask = Instruction(SIGNER.network, party, BILL.id, action, 1, content, request, **more)
    body = {"action": action, "version": 1, "content": content, "request": request, **more}
    return {**body, "signature": ask.signed_by(key_of(party))}


def test_a_document_from_proposal_to_pledge(api: RunningApi) -> None:
    proposed = api.client(ISSUER).post("/v1/document-proposals", json=PROPOSED).json()
    assert proposed["document"] == BILL.id
    assert proposed["legal"]["title"] == "NOT_TITLE"
    assert proposed["legal"]["statement"].startswith("Not a document of title.")
    fields = {each["name"]: each for each in proposed["fields"]}
    assert fields["notes"]["value"] == ["SMGS/CN/XAY/100001/2026"]
    assert (fields["notes"]["support"], fields["notes"]["supported_by"][0]["by"]) == ("SUPPORTED", "xaport")
    assert fields["containers"]["support"] == "NOT_STATED"  # nobody says that the second box is of it
    assert fields["freight_payment"]["supported_by"] == []
    content = proposed["content"]

    draft = {"document": proposed["body"], "instruction": signed(ISSUER, "DRAFT", content, "d-1")}
    assert api.client(ISSUER).post("/v1/documents", json=draft).json()["outcome"] == "DONE"
    instructions = f"/v1/documents/{BILL.id}/instructions"
    for party in (ISSUER, CARRIER):
        body = signed(party, "SIGN", content, "s-1")
        assert api.client(party).post(instructions, json=body).json()["outcome"] == "DONE"
    issue = signed(ISSUER, "ISSUE", content, "i-1", to=SHIPPER)
    issued = api.client(ISSUER).post(instructions, json=issued_twice(api, instructions, issue)).json()
    assert (issued["outcome"], issued["status"]) == ("DONE", "PENDING")
    seen = api.client(SHIPPER).get(f"/v1/documents/{BILL.id}").json()
    assert (seen["status"], seen["holding"], seen["pending"]["holder"]) == ("PENDING", None, SHIPPER)

    with open_session(api.dsn) as session:
        cosign(session)
    seen = api.client(SHIPPER).get(f"/v1/documents/{BILL.id}").json()
    assert (seen["status"], seen["holding"]["holder"]) == ("EFFECTIVE", SHIPPER)
    assert all(each["signed"] for each in seen["signatures"])
    assert api.client(BANK).get(f"/v1/documents/{BILL.id}").status_code == 404

    pledge = signed(SHIPPER, "PLEDGE", content, "p-1", previous=seen["last"], to=BANK)
    assert api.client(SHIPPER).post(instructions, json=pledge).json()["outcome"] == "DONE"
    again = signed(SHIPPER, "TRANSFER", content, "p-2", previous=seen["last"], to=CONSIGNEE)
    refused = api.client(SHIPPER).post(instructions, json=again).json()
    assert (refused["outcome"], refused["guard"]) == ("REFUSED", "CHAIN_MOVED")
    assert refused["satisfied_by"].startswith("Read the chain again")
    with open_session(api.dsn) as session:
        cosign(session)
    shown = api.client(BANK).get(f"/v1/documents/{BILL.id}").json()
    assert shown["holding"]["pledge"] == {
        "pledgor": SHIPPER,
        "pledgee": BANK,
        "transfer": shown["last"],
    }
    receipt = api.client(BANK).get(f"/v1/documents/{BILL.id}/transfers/2/receipt").json()
    assert Receipt.of_json(receipt).document.place.startswith("document-decision ")
    history = api.client(BANK).get(f"/v1/documents/{BILL.id}/history").json()["items"]
    assert [each["action"] for each in history if each["outcome"] == "DONE"] == [
        "DRAFT",
        "SIGN",
        "SIGN",
        "ISSUE",
        "PLEDGE",
    ]
    assert api.rows("SELECT count(*) > 0 FROM lianyun.access_log WHERE resource = %s", f"document:{BILL.id}")[
        0
    ][0]
    assert api.client("bbank").get("/v1/documents").json()["items"] == []
    assert [each["document"] for each in api.client(BANK).get("/v1/documents").json()["items"]] == [BILL.id]


def issued_twice(api: RunningApi, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The body, sent once already: sent again it is the same decision. Changed under its request it is a conflict."""
    assert api.client(ISSUER).post(path, json=body).json()["outcome"] == "DONE"
    other = signed(ISSUER, "ISSUE", body["content"], body["request"], to=CONSIGNEE)
    assert api.client(ISSUER).post(path, json=other).status_code == 409
    return body


def test_what_is_not_signed_by_the_caller_is_a_problem_with_its_remedy(api: RunningApi) -> None:
    proposed = api.client(ISSUER).post("/v1/document-proposals", json=PROPOSED).json()
    wrong = {
        "document": proposed["body"],
        "instruction": {**signed(ISSUER, "DRAFT", proposed["content"], "x"), "request": "y"},
    }
    answer = api.client(ISSUER).post("/v1/documents", json=wrong)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:lianyun:problem:instruction-unsigned")
    bad = {**PROPOSED, "basis": "SMGS"}
    answer = api.client(ISSUER).post("/v1/document-proposals", json=bad)
    assert answer.status_code == 422
    assert "rests on" in answer.text


def test_the_command_line_signs_with_the_partys_own_key(
    api: RunningApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bill.json"
    file.write_text(json.dumps({**PROPOSED, **RECEIPT}))
    monkeypatch.setenv("LIANYUN_PARTNERS", str(tmp_path))
    for party in (ISSUER, CARRIER, SHIPPER):
        api.client(party)
        (tmp_path / f"{party}.jwk").write_text(json.dumps(api.key(party).as_dict(private=True)))
        own = Profile(party, f"//{party}.example", "cre.test.v1", SIGNER.network, key_of(party), b"0" * 32)
        own.save(tmp_path)

    def lianyun(party: str, *words: str) -> Any:
        caller = ["--client", party, "--key", str(tmp_path / f"{party}.jwk"), "--url", api.url, "--json"]
        acts = [] if words[0] in ("show", "history", "list") else ["--party", party]
        done = CliRunner().invoke(app, [*words, *caller, *acts])
        return json.loads(done.stdout), done.exit_code

    drafted, code = lianyun(ISSUER, "draft", str(file))
    document = drafted["decision"]["document"]
    assert (code, drafted["decision"]["outcome"]) == (0, "DONE")
    lianyun(ISSUER, "sign", document)
    refused, code = lianyun(ISSUER, "issue", document, "--to", SHIPPER)
    assert (refused["decision"]["guard"], code != 0) == ("NOT_SIGNED", True)
    lianyun(SHIPPER, "sign", document)
    shown, _ = lianyun(CARRIER, "show", document)
    assert all(each["signed"] for each in shown["signatures"])
    history, _ = lianyun(ISSUER, "history", document)
    assert [each["action"] for each in history["decisions"]] == ["DRAFT", "SIGN", "ISSUE", "SIGN"]
