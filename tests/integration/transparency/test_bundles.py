"""Bundles from a real database: they verify offline, say only what follows from them, and no flipped bit of one verifies."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import cbor2
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from typer.testing import CliRunner

from schemas.envelope import event_id
from schemas.merkle import leaf_hash, root_from_path
from services.cli.main import app
from services.ledger.storage.session import Session, open_session
from services.testbed.localstack.engine import DatabaseAddress
from services.transparency.domain.bundle import Bundle
from services.transparency.domain.claims import NOT_PROVEN, NotShown
from services.transparency.domain.encoding import Malformed
from services.transparency.domain.entry import Entry, Kind
from services.transparency.domain.keys import Cosigner
from services.transparency.domain.note import BadSignature
from services.transparency.domain.tlog_proof import NotIncluded
from services.transparency.store import bundles
from services.transparency.store.receipts import NoReceipt, NotYet, file_of, receipt_of_event
from tests.support import receipts
from tests.support.browser import chromium, window
from tests.support.databases import migrated_database
from tests.support.financing.stored_world import SIGNER
from tests.support.receipts import HANDED_OVER, NOW, TRUST, build_referee, issuer

pytestmark = pytest.mark.integration
REFUSED = (NotShown, NotIncluded, BadSignature, Malformed, ValueError)
Make = Callable[[Session, bool], Bundle]


def handed_over(session: Session, box: str, place: str, withheld: bool) -> Bundle:
    by = issuer(session, withheld)
    found = bundles.handovers_of_box(session, by.registry, box, place, NOW)
    return bundles.handover_bundle(session, by, box, found)


def decided(session: Session, number: int, withheld: bool) -> Bundle:
    found = bundles.decision_of(session, number)
    return bundles.decision_bundle(session, issuer(session, withheld), found)


KINDS: dict[str, Make] = {
    "handed-over": lambda s, hide: handed_over(s, HANDED_OVER, "railnet:dostyk", hide),
    "release-allowed": lambda s, hide: decided(s, receipts.released(s), hide),
    "decided": lambda s, hide: decided(s, receipts.released(s) - 1, hide),
    "pledge-stands": lambda s, hide: bundles.pledge_bundle(s, issuer(s, hide), "abank/LN-1"),
    "credit-signal": lambda s, hide: bundles.credit_bundle(s, issuer(s, hide), 1, None),
}


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    return migrated_database(postgres, "bundles")


@pytest.fixture(scope="module")
def session(dsn: str) -> Iterator[Session]:
    with open_session(dsn) as opened:
        receipts.fill(dsn, opened)
        receipts.grow(opened)
        with pytest.raises(NotYet, match="not cosigned yet"):
            KINDS["handed-over"](opened, False)
        receipts.cosign(opened)
        yield opened


@pytest.fixture(scope="module")
def files(session: Session) -> dict[str, bytes]:
    """Every kind of bundle as a file, whole and with its statements withheld."""
    return {
        f"{name}{'-withheld' if hide else ''}": file_of([make(session, hide)])
        for name, make in KINDS.items()
        for hide in (False, True)
    }


def read(raw: bytes) -> Bundle:
    return Bundle.of_json(orjson.loads(raw))


def test_each_says_what_its_contents_show(files: dict[str, bytes]) -> None:
    said = {}
    for name, raw in files.items():
        found = read(raw).verified(TRUST)
        assert str(found.claim.kind) == name.removesuffix("-withheld")
        assert NOT_PROVEN[found.claim.kind]
        assert found.same_policy
        assert (found.withheld > 0) is name.endswith("-withheld")
        assert len(found.trusted.witnesses) == 2
        said[name] = found.statement
    assert "naming 2 events, 2 of them in this bundle." in said["credit-signal"]
    assert "naming 2 events, 0 of them in this bundle." in said["credit-signal-withheld"]
    assert said["handed-over"] == (
        "Box LYCU4107762 was handed over at railnet:dostyk: cr signed that it delivered it (2026-03-06T02:00:00Z),"
        " ktz that it received it (2026-03-06T03:00:00Z)."
    )
    assert said["handed-over-withheld"] == "The platform states: " + said["handed-over"]
    assert "RELEASE_ORDER of ruhr" in said["release-allowed"]
    assert "This release was allowed." in said["release-allowed-withheld"]
    assert "Financing abank/LN-1 of abank was pledged at" in said["pledge-stands"]
    assert b"MSKU0000006" not in b"".join(
        part.document.text for part in read(files["handed-over-withheld"]).parts if part.document
    )


def test_fields_and_documents_are_withheld_and_the_rest_verifies(files: dict[str, bytes]) -> None:
    whole = read(files["pledge-stands"])
    decisions = [each.index for each in whole.parts if each.entry.kind is Kind.DECISION]
    less = whole.withholding(decisions, ["financing", "drawn", "cargo"], TRUST)
    found = read(file_of([less])).verified(TRUST)
    assert "financing" not in found.claim.about
    assert found.claim.about["bank"] == "abank"
    assert "Financing (withheld) of abank" in found.statement
    assert b"LN-1" not in file_of([less])
    with pytest.raises(Malformed, match="no field 'price'"):
        whole.withholding((), ["price"], TRUST)
    handover = read(files["handed-over"])
    side = next(each.index for each in handover.parts if each.entry.kind is Kind.EVENT)
    with pytest.raises(NotShown):  # one side alone shows no hand-over
        handover.withholding([side], (), TRUST)


def test_what_does_not_follow_is_refused(files: dict[str, bytes]) -> None:
    bundle = read(files["handed-over"])
    other = read(files["pledge-stands"])
    without = [each for each in bundle.parts if each.entry.kind is not Kind.REGISTER]
    about = {**bundle.claim.about, "place": "railnet:brest-severny"}
    pledge = read(files["pledge-stands-withheld"])
    first = next(each for each in pledge.parts if each.entry.kind is Kind.DECISION)
    side = next(each for each in bundle.parts if each.entry.kind is Kind.EVENT)
    for wrong, refusal in (
        (replace(bundle, claim=bundle.claim._replace(about=about)), NotShown),
        (replace(bundle, statement=bundle.statement.replace("cr ", "rzd ")), NotShown),
        (replace(bundle, claim=other.claim), NotShown),
        (replace(bundle, parts=tuple(without)), BadSignature),
        (replace(bundle, parts=(*bundle.parts, bundle.parts[0])), Malformed),
        (replace(bundle, parts=tuple(each for each in bundle.parts if each is not side)), NotShown),
        (replace(pledge, parts=tuple(each for each in pledge.parts if each is not first)), NotShown),
        (replace(pledge, answer=read(files["handed-over-withheld"]).answer), NotShown),
        (replace(pledge, answer=None), NotShown),
    ):
        with pytest.raises(refusal):
            wrong.verified(TRUST)
    free = min({*range(50)} - {each.index for each in bundle.parts})
    with pytest.raises(NotIncluded):
        replace(bundle, parts=(*bundle.parts[1:], replace(bundle.parts[0], index=free))).verified(TRUST)
    strangers = replace(TRUST, witnesses={}, quorum="none", logs=(receipts.WITNESSES[0].verifier,))
    with pytest.raises(BadSignature):
        bundle.verified(strangers)


def flipped(raw: bytes, bit: int) -> bytes:
    return raw[: bit // 8] + bytes([raw[bit // 8] ^ 1 << bit % 8]) + raw[bit // 8 + 1 :]


def refuse_flips(files: dict[str, bytes], share: float) -> int:
    """Verify files of which one bit is flipped, a random share of all; how many, none of which verified."""
    draw, tried = random.Random(), 0
    for name, raw in files.items():
        for bit in range(len(raw) * 8):
            if draw.random() < share:
                tried += 1
                with suppress(*REFUSED):
                    read(flipped(raw, bit)).verified(TRUST)
                    raise AssertionError(f"{name} verifies with bit {bit} flipped")
    return tried


def test_no_flipped_bit_verifies(files: dict[str, bytes]) -> None:
    assert refuse_flips(files, 0.001) > 200


@pytest.mark.long
def test_no_flipped_bit_of_all_verifies(files: dict[str, bytes]) -> None:
    assert refuse_flips(files, 0.015) > 5_000


def test_what_is_no_longer_so_has_no_bundle(session: Session) -> None:
    for make, refusal in (
        (lambda: bundles.pledge_bundle(session, issuer(session), "abank/NONE"), "no pledge"),
        (lambda: handed_over(session, "MSKU0000012", "", False), "no hand-over"),
        (lambda: decided(session, 10**6, False), "no decision"),
        (lambda: bundles.credit_bundle(session, issuer(session), 10**6, None), "no credit record"),
    ):
        with pytest.raises(NoReceipt, match=refusal):
            make()


def test_by_the_commands(session: Session, dsn: str, tmp_path: Path) -> None:
    environment = receipts.settings(tmp_path, dsn)

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, list(arguments), env=environment)
        assert getattr(done.exception, "code", done.exit_code) == code, done.output
        return done.stdout

    bundle, less, policy = (str(tmp_path / name) for name in ("bundle", "less", "policy"))
    receipt = ("transparency", "receipt")
    run(*receipt, "pledge", "abank/LN-1", "--withheld", "--to", bundle)
    run("transparency", "withhold", bundle, "--policy", policy, "--field", "financing", "--to", less)
    judged = json.loads(run("verify", less, "--policy", policy, "--json"))
    shown = judged["receipts"][0]
    assert judged["ms"] > 0
    assert shown["statement"].startswith("The platform states: Financing (withheld) of abank was pledged")
    assert shown["witnesses"] == ["customs", "rail"]
    for what in (
        ("handover", HANDED_OVER, "Dostyk"),
        ("decision", str(receipts.released(session))),
        ("credit", "1", "T1"),
    ):
        (tmp_path / "bundle").write_text(run(*receipt, *what))
        assert "not_proven" in run("verify", bundle, "--policy", policy)
    run(*receipt, "handover", HANDED_OVER, "Brest", code=5)
    run(*receipt, "handover", code=2)


def test_a_cose_receipt_is_read_by_rfc_9942(session: Session, dsn: str, tmp_path: Path) -> None:
    """Header, proof and signature as the RFC has them, over the root of the cosigned checkpoint; by whoever holds the log's key."""
    key, to = tmp_path / "key.json", tmp_path / "event.cose"
    environment = {**receipts.settings(tmp_path, dsn), "LIANYUN_TRANSPARENCY_KEY": str(key)}

    def run(*what: str, code: int = 0) -> None:
        done = CliRunner().invoke(app, ["transparency", "receipt", *what, "--to", str(to)], env=environment)
        assert getattr(done.exception, "code", done.exit_code) == code, done.output

    event = ("//cr.example", receipts.DELIVERED, "--cose")
    run(*event, code=2)  # without the key nothing is signed
    key.write_text(json.dumps({"origin": receipts.ORIGIN, "seed": receipts.seeded("another log").seed.hex()}))
    run(*event, code=3)
    key.write_text(json.dumps({"origin": receipts.ORIGIN, "seed": receipts.seeded("log").seed.hex()}))
    (tmp_path / "policy").write_text(
        receipts.POLICY.replace(
            "witness rail",
            f"witness absent {Cosigner('absent', receipts.seeded('absent')).verifier}\nwitness rail",
        ).replace("all rail", "all absent rail")
    )
    run(*event, code=3)  # a root that the quorum has not cosigned is not signed
    (tmp_path / "policy").write_text(receipts.POLICY)
    run("handover", HANDED_OVER, "--cose", code=2)
    assert not to.exists()
    run(*event)

    sign1, entry = cbor2.loads(to.read_bytes()), (tmp_path / "event.cose.entry").read_bytes()
    protected, unprotected, payload, signature = sign1.value
    assert (sign1.tag, payload) == (18, None)
    assert cbor2.loads(protected) == {1: -8, 4: receipts.LOG.verifier.id, 15: {1: receipts.ORIGIN}, 395: 1}
    ((size, index, path),) = map(cbor2.loads, unprotected[396][-1])
    (receipt,) = receipt_of_event(session, SIGNER.network, event_id(*event[:2]))
    tree = receipt.verified(TRUST).trusted.checkpoint
    assert (size, entry) == (tree.size, Entry.of(receipt.document).raw)
    root = root_from_path(leaf_hash(entry), index, size, path)
    assert root == tree.root
    public = Ed25519PublicKey.from_public_bytes(receipts.LOG.verifier.raw)
    public.verify(signature, cbor2.dumps(["Signature1", protected, b"", root]))
    with pytest.raises(ValueError, match="could be a note"):
        receipts.LOG.sign_bytes(tree.text.encode())


@pytest.mark.long
def test_the_page_says_what_the_command_says(
    files: dict[str, bytes], session: Session, tmp_path: Path
) -> None:
    """In a real browser, from a file, without a request; whole files, and files of which one bit is flipped."""
    policy = tmp_path / "policy"
    policy.write_text(receipts.POLICY)
    shown = tmp_path / "verify.html"
    assert (
        CliRunner()
        .invoke(app, ["transparency", "page", "--policy", str(policy), "--to", str(shown)])
        .exit_code
        == 0
    )
    event = receipt_of_event(session, SIGNER.network, event_id("//cr.example", receipts.DELIVERED))
    corpus = {**files, "event": file_of(event)}
    draw = random.Random()
    with chromium() as browser, window(browser, language="zh-CN") as context:
        page, asked = context.new_page(), list[str]()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(shown.as_uri())
        for name, raw in corpus.items():
            said = page.evaluate("([file, policy]) => judge(file, policy)", [raw.decode(), receipts.POLICY])
            assert said == {"proven": ["event" if name == "event" else read(raw).statement]}, name
            (tmp_path / f"{name}.json").write_bytes(raw)
            page.set_input_files("#file", tmp_path / f"{name}.json")
            page.wait_for_selector("#result.good")
            page.evaluate("document.getElementById('result').className = ''")
        assert page.inner_text("h1") == "验证回执"
        assert asked == [shown.as_uri()]
        bits = [(name, draw.randrange(len(raw) * 8)) for name, raw in corpus.items() for _ in range(60)]
        changed = [(name, bit, flipped(corpus[name], bit)) for name, bit in bits]
        for name, bit, raw in changed:
            with suppress(UnicodeDecodeError):
                said = page.evaluate(
                    "([file, policy]) => judge(file, policy)", [raw.decode(), receipts.POLICY]
                )
                assert "refused" in said, (name, bit, said)
        stranger = receipts.POLICY.replace("quorum both", "quorum rail").replace("log ", "log ", 1)
        assert "proven" in page.evaluate("([f, p]) => judge(f, p)", [files["decided"].decode(), stranger])
        none = receipts.POLICY.replace(str(receipts.LOG.verifier), str(receipts.OTHER.verifier))
        assert "refused" in page.evaluate("([f, p]) => judge(f, p)", [files["decided"].decode(), none])


def changed_value(draw: random.Random, value: object) -> object:
    """A value of a bundle of which one bit is flipped: of a number, of a Base64 text's bytes, or of a character."""
    if isinstance(value, int):
        return value ^ 1 << draw.randrange(8)
    if isinstance(value, list):
        at = draw.randrange(len(value))
        return [*value[:at], changed_value(draw, value[at]), *value[at + 1 :]]
    assert isinstance(value, str)
    with suppress(ValueError):
        held = base64.b64decode(value, validate=True)
        return base64.b64encode(flipped(held, draw.randrange(len(held) * 8))).decode()
    at = draw.randrange(len(value))
    return value[:at] + chr(ord(value[at]) ^ 1 << draw.randrange(5)) + value[at + 1 :]


def changed_note(draw: random.Random, note: str) -> str:
    """A checkpoint of which one bit is flipped: of its text, or of a signature."""
    text, signatures = note.split("\n\n")
    lines = signatures.splitlines()
    at = draw.randrange(len(lines) + 1)
    if at == len(lines):
        return f"{changed_value(draw, text)}\n\n{signatures}"
    signer, _, signature = lines[at].rpartition(" ")
    lines[at] = f"{signer} {changed_value(draw, signature)}"
    return text + "\n\n" + "".join(f"{line}\n" for line in lines)


@pytest.mark.long
def test_the_referee_reads_bundles(files: dict[str, bytes], tmp_path: Path) -> None:
    """Go's reference code proves each entry of what ``lianyun verify`` accepts, and nothing of which one bit is flipped."""
    judge = build_referee(tmp_path)
    (tmp_path / "policy").write_text(receipts.POLICY)

    def judged(found: dict[str, Any]) -> str:
        (tmp_path / "bundle").write_bytes(orjson.dumps(found))
        done = judge("bundle", "policy", "bundle")
        assert done.returncode == (0 if done.stdout else 1)
        return done.stdout

    draw = random.Random()
    for name, raw in files.items():
        proven, found = read(raw).verified(TRUST), orjson.loads(raw)
        assert judged(found) == (
            f"proven: {proven.parts} entries of {proven.trusted.checkpoint.size} of {receipts.ORIGIN},"
            f" of a bundle that says: {proven.statement}\n"
        )
        for part in found["parts"]:
            for member, value in part.items():
                part[member] = changed_value(draw, value)
                assert not judged(found), (name, member, part)
                part[member] = value
        for _ in range(20):
            note = changed_note(draw, found["checkpoint"])
            assert not judged({**found, "checkpoint": note}), (name, note)
