"""A registry under a root: changes count that two administrators signed, and rows that somebody wrote by SQL do not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from schemas.envelope import SIGNATURE_HEADER, signed_bytes
from schemas.events.base import Role
from schemas.schemes import Scheme
from schemas.signing import sign
from schemas.signing_key import SigningKey
from services.audit.fsck.check import fsck
from services.cli.exits import Failure
from services.cli.main import app
from services.ledger.admission.model import Record
from services.ledger.registry import commands, store, trust
from services.ledger.registry.events import KeyAdded, PartyAdded, PartyAmended
from services.ledger.registry.possession import proven
from services.ledger.registry.registry import RegistryError
from services.ledger.registry.signed import (
    Administrators,
    Genesis,
    PublicSigner,
    Root,
    SignedStatement,
    events_digest,
)
from services.ledger.storage.operations import quarantine
from tests.stories.story import NETWORK, Story, stories
from tests.support.databases import migrated_database
from tests.support.signed_stories import APPENDED_MS, GATEWAY, Desk, record, register, signed

pytestmark = pytest.mark.integration
NOW = APPENDED_MS * 1000


def pair(name: str) -> SigningKey:
    return SigningKey.from_seed(Scheme.ED25519, name.encode().ljust(32, b"."))


def signer(name: str) -> PublicSigner:
    return PublicSigner(name=name, scheme=Scheme.ED25519, public_key=pair(name).public_key.hex())


ROOT = Root(network=NETWORK, threshold=2, keys=tuple(map(signer, ("root-cn", "root-eu", "root-kz"))))
FIRST = ("admin-cn", "admin-eu", "admin-kz")


def by(proposed: SignedStatement, *names: str) -> SignedStatement:
    for name in names:
        proposed = proposed.signed_by(pair(name))
    return proposed


def appointed(session: psycopg.Connection[Any], names: tuple[str, ...] = FIRST, *roots: str) -> None:
    """The root takes the registry over, or appoints others."""
    administrators = tuple(map(signer, names))
    chain = trust.read_chain(session, ROOT)
    taken = tuple(trust.stored_events(session))
    change = (
        Administrators(administrators=administrators)
        if chain.number
        else Genesis(version=len(taken), digest=events_digest(taken), administrators=administrators)
    )
    proposed = SignedStatement(chain.following(change, NOW).text)
    commands.apply_signed(session, by(proposed, *(roots or ("root-cn", "root-kz"))), quarantine, at=NOW)


def proposal(session: psycopg.Connection[Any], change: Any) -> SignedStatement:
    with pytest.raises(store.Unsigned) as found, session.transaction():
        commands.propose(session, change, at=NOW)
    return found.value.proposed


def applied(session: psycopg.Connection[Any], signed_: SignedStatement) -> commands.Revocation:
    with session.transaction():
        return commands.apply_signed(session, signed_, quarantine, at=NOW)


@pytest.fixture(scope="module")
def told() -> list[Story]:
    return [each for each in stories() if each.slug[:2] in ("01", "08")]


@pytest.fixture
def dsn(
    postgres: Any,
    told: list[Story],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> str:
    fresh = migrated_database(postgres, "signed_" + str(abs(hash(request.node.name)) % 10**8))
    with psycopg.connect(fresh) as session:
        register(session, told)
    path = tmp_path / "root.json"
    path.write_text(ROOT.model_dump_json())
    monkeypatch.setenv(trust.ROOT, str(path))
    return fresh


@pytest.fixture
def session(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def customs(code: str = "gacc") -> PartyAdded:
    return PartyAdded(
        code=code, name="Customs", roles=frozenset({Role.CUSTOMS}), countries=frozenset({"CN"}),
        sources=frozenset({f"urn:cre:{code}"}),
    )  # fmt: skip


def refusal(make: Callable[[], object]) -> str:
    with pytest.raises(RegistryError) as refused:
        make()
    return str(refused.value)


def test_three_statements_of_sql_give_an_insider_no_voice(
    dsn: str, session: psycopg.Connection[Any], told: list[Story]
) -> None:
    with session.transaction():
        appointed(session)
    desk = Desk(dsn)
    events = [each for story in told for each in story.told]
    desk.apply([record(each, n) for n, each in enumerate(events)])
    ours = pair("insider")
    with session.transaction():  # a party of customs, its source, and a key of it that the insider holds
        session.execute(
            "INSERT INTO lianyun.party SELECT 900, 'gacc', 'Customs', '{customs}', '{CN}', '{}', '{}', '{}', '{urn:cre:gacc}', 0, version"
            " FROM lianyun.registry_version"
        )
        session.execute("INSERT INTO lianyun.party_source VALUES ('urn:cre:gacc', 900)")
        session.execute(
            "INSERT INTO lianyun.party_key VALUES (%s, 900, 'ed25519', %s, 0)", (ours.key_id, ours.public_key)
        )
        session.execute("UPDATE lianyun.party SET roles = roles || '{customs}'::text[] WHERE no = 1")
    story = next(each for each in told if each.told)
    forged = signed_as(ours, story, len(events))
    restarted = Desk(dsn)  # a worker that has read the tables since
    _, (refused,), _ = restarted.judge([forged])
    assert (refused.reason, refused.detail) == (
        "UNKNOWN_KEY",
        f"No key {ours.key_id} is registered under the signatures of two administrators.",
    )
    assert Role.CUSTOMS not in store.read_snapshot(session).by_number(1).roles  # type: ignore[union-attr]
    found = {each.where for each in fsck(dsn, NETWORK, gateway_topics=frozenset({GATEWAY})).findings}
    assert {"party gacc", f"party_key {ours.key_id}", "party_source urn:cre:gacc"} <= found
    # With an event and a version that go with it nobody goes on at all, and the event is named.
    with session.transaction():
        session.execute(
            "INSERT INTO lianyun.registry_event SELECT version + 1, 'party_added', 1, 'me', %s FROM lianyun.registry_version",
            (customs().model_dump_json(exclude_none=True),),
        )
        session.execute("UPDATE lianyun.registry_version SET version = version + 1")
    assert "changes of it are signed" in refusal(lambda: Desk(dsn).judge([forged]))
    version = store.version(session)
    found = {each.where for each in fsck(dsn, NETWORK, gateway_topics=frozenset({GATEWAY})).findings}
    assert {f"registry_event {version}", "registry_version"} <= found


def signed_as(key: SigningKey, story: Story, offset: int) -> Record:
    """The first event of a story, signed by ``key`` in the place of its party's."""
    told = story.told[0]
    made = signed(told.party, told.envelope, told.payload, offset)
    signature = sign(key, signed_bytes(NETWORK, told.envelope, told.payload))
    return made._replace(headers=[*made.headers[:-1], (SIGNATURE_HEADER, signature.encode())])


def test_a_change_needs_two_administrators_and_its_place(session: psycopg.Connection[Any]) -> None:
    assert "appointed no administrators" in refusal(lambda: store.load(session))
    assert "has 1 signatures of the root, and needs 2" in refusal(
        lambda: appointed(session, FIRST, "root-cn")
    )
    with session.transaction():
        appointed(session)
    assert "two administrators sign" in refusal(
        lambda: commands.add_party(session, customs(), at=NOW, by="op")
    )
    change = proposal(session, customs())
    for names in (
        (),
        ("admin-cn",),
        ("admin-cn", "admin-cn"),
        ("admin-cn", "stranger"),
        ("root-cn", "root-eu"),
    ):
        assert "needs 2" in refusal(lambda names=names: applied(session, by(change, *names)))
    other = proposal(session, customs("kgd"))
    swapped = SignedStatement(change.text, by(other, "admin-cn", "admin-eu").signatures)
    assert "is not good" in refusal(lambda: applied(session, swapped))
    before = store.version(session)
    assert applied(session, by(change, "admin-kz", "admin-cn")).registry.version == before + 1
    assert store.load(session).parties["gacc"].roles == {Role.CUSTOMS}
    ((who,),) = session.execute(
        "SELECT by FROM lianyun.registry_event WHERE version = %s", (before + 1,)
    ).fetchall()
    assert who == "admin-cn, admin-kz"
    for late in (change, other):  # said again, or proposed before the change that is there now
        assert "does not follow" in refusal(
            lambda late=late: applied(session, by(late, "admin-cn", "admin-eu"))
        )
    assert "in its one form" in refusal(
        lambda: applied(session, by(SignedStatement(change.text.replace(",", ", ")), "admin-cn", "admin-eu"))
    )


def test_an_administrator_is_replaced_by_the_root_alone(session: psycopg.Connection[Any]) -> None:
    with session.transaction():
        appointed(session)
    assert "needs 2" in refusal(lambda: appointed(session, ("admin-cn", "thief"), "admin-cn", "admin-eu"))
    assert "stands twice" in refusal(lambda: appointed(session, ("admin-cn", "root-cn")))
    assert "can sign none" in refusal(lambda: appointed(session, ("admin-cn",)))
    change = proposal(session, customs())
    with session.transaction():
        appointed(session, ("admin-cn", "admin-new"))
    assert "does not follow" in refusal(lambda: applied(session, by(change, "admin-cn", "admin-eu")))
    anew = proposal(session, customs())
    assert "needs 2" in refusal(lambda: applied(session, by(anew, "admin-cn", "admin-eu")))
    applied(session, by(anew, "admin-cn", "admin-new"))
    key = proven(pair("gacc"), NETWORK, "gacc", not_before=NOW)
    added = proposal(session, KeyAdded(party="gacc", key=key))
    applied(session, by(added, "admin-cn", "admin-new"))
    late = PartyAmended(code="gacc", since=NOW - 1, name="Other")
    assert "in the past" in refusal(lambda: commands.propose(session, late, at=NOW))
    chain = trust.read_chain(session, ROOT)
    assert [each.name for each in chain.administrators] == ["admin-cn", "admin-new"]
    assert store.load(session).keys[pair("gacc").key_id].party == "gacc"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("UPDATE lianyun.registry_statement SET text = replace(text, '\"CN\"', '\"KZ\"') WHERE number = 2", "registry_statement 2"),
        ("UPDATE lianyun.registry_statement SET signatures = signatures[2:] WHERE number = 2", "registry_statement 2"),
        ("DELETE FROM lianyun.registry_statement WHERE number = 2", "registry_event"),
        ("UPDATE lianyun.registry_event SET body = jsonb_set(body, '{name}', '\"Other\"') WHERE version = 1", "registry_statement 1"),
        ("UPDATE lianyun.registry_event SET at = at + 1 WHERE version = (SELECT version FROM lianyun.registry_version)", "registry_event"),
    ],
)  # fmt: skip
def test_what_was_signed_is_what_stands(
    dsn: str, session: psycopg.Connection[Any], change: str, where: str
) -> None:
    with session.transaction():
        appointed(session)
    applied(session, by(proposal(session, customs()), "admin-cn", "admin-eu"))
    report = fsck(dsn, NETWORK, gateway_topics=frozenset({GATEWAY}))
    assert report.sound, report.findings
    for table in ("registry_statement", "registry_event"):
        session.execute(f"ALTER TABLE lianyun.{table} DISABLE TRIGGER ALL")
    session.execute(change.encode())
    found = [
        str(each.kind)
        for each in fsck(dsn, NETWORK, gateway_topics=frozenset({GATEWAY})).findings
        if each.where.startswith(where)
    ]
    assert "REGISTRY" in found


def test_the_commands_lead_from_a_root_to_a_registered_party(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As administrators do it: files that go from one to the next, and one command that makes the change."""
    monkeypatch.setenv("LIANYUN_DSN", dsn)
    monkeypatch.setenv("LIANYUN_NETWORK", NETWORK)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    keys = {
        name: run("registry", "key", name, "--file", f"{name}.key").strip() for name in ("root", "one", "two")
    }
    Path("root.json").write_text(run("registry", "root", keys["root"]))
    monkeypatch.setenv(trust.ROOT, "root.json")
    Path("change").write_text(run("registry", "appoint", keys["one"], keys["two"]))
    run("registry", "sign", "change", "--key", "root.key")
    run("registry", "apply", "change")
    party = ["party", "add", "gacc", "--name", "Customs", "--role", "customs", "--source", "urn:cre:gacc"]
    Path("change").write_text(run(*party))
    run("registry", "sign", "change", "--key", "one.key")
    with pytest.raises(Failure, match="has 1 signatures of administrators"):
        run("registry", "apply", "change")
    run("registry", "sign", "change", "--key", "two.key")
    assert "made: the registry is at version" in run("registry", "apply", "change")
    assert json.loads(run("registry", "show", "--json"))["statements"] == 2
    assert "gacc" in run("party", "list")
    Path("amended.json").write_text(
        PartyAmended(code="gacc", since=2**61, name="GACC").model_dump_json(exclude_none=True)
    )
    assert "party_amended" in run("registry", "propose", "amended.json")
    with pytest.raises(Failure, match="made where it is kept"):
        run("key", "add", "gacc", "--new")
