"""The declaration of topics: what is declared, and what a wrong declaration says."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.processors.topics.access import Grant, grants
from services.processors.topics.cluster import CreateTopic, Observed, plan
from services.processors.topics.declaration import DeclarationError, read_declaration


def test_shipped_declaration_has_a_topic_per_partner_and_the_gateway() -> None:
    declaration = read_declaration()
    assert "cre.gateway.v1" in declaration.names()
    assert declaration.topics_of("ktz") == ("cre.railway.ktz.v1",)
    assert all(declaration.config_of(topic)["max.message.bytes"] == "131072" for topic in declaration.topics)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ('name = "cre.gateway.v1"', ""),
        ('name = "Gateway"', "/topics/0/name: 'Gateway' is not of the form"),
        ('name = "cre.gateway.v1"\nsurprise = 1', "/topics/0/surprise: Extra inputs"),
        (
            'name = "cre.gateway.v1"\nconfig = {"message.timestamp.type" = "CreateTime"}',
            "must be LogAppendTime",
        ),
        ("name = ", "is not TOML"),
    ],
)
def test_a_wrong_declaration_names_file_and_place(tmp_path: Path, change: str, expected: str) -> None:
    path = tmp_path / "topics.toml"
    path.write_text(
        "[defaults]\npartitions = 2\nreplication_factor = 1\n"
        '[defaults.config]\n"message.timestamp.type" = "LogAppendTime"\n'
        f'[[topics]]\n{change}\npartner = "x"\nparties = []\n'
    )
    if not expected:
        assert read_declaration(path).names() == ("cre.gateway.v1",)
        return
    with pytest.raises(DeclarationError) as wrong:
        read_declaration(path)
    assert str(path) in str(wrong.value)
    assert expected in str(wrong.value)


def test_missing_declaration_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="LIANYUN_TOPICS"):
        read_declaration(tmp_path / "nowhere.toml")


def test_undeclared_topics_are_shown_and_never_touched() -> None:
    declaration = read_declaration()
    made = plan(
        declaration, {"cre.old.v1": Observed(1, {}), "somebody.else": Observed(1, {})}, replication_factor=3
    )
    assert made.undeclared == ("cre.old.v1",)
    assert all(isinstance(action, CreateTopic) and action.replication_factor == 3 for action in made.actions)


def test_a_party_writes_to_its_own_topic_only() -> None:
    found = grants(read_declaration())
    assert [grant.name for grant in found if grant.principal == "ktz"] == ["cre.railway.ktz.v1"]
    assert [grant.name for grant in found if grant.principal == "gateway"] == ["cre.gateway.v1"]
    assert not any(grant.operation == "WRITE" for grant in found if grant.principal == "worker")
    assert (
        Grant("ktz", "WRITE", "topic", "cre.railway.ktz.v1")
        .command()
        .endswith("--allow-principal User:ktz --operation Write --topic cre.railway.ktz.v1")
    )
