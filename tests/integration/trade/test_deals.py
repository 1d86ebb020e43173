"""Offshore deals read from the store: class and report from events in any order and any copies, corrections and retractions, and deals that share a paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from random import Random
from typing import Any

import pytest

from services.domain.objects import offshore_deal
from services.ledger.registry import store
from services.ledger.storage.session import open_session
from services.query.views import read_views
from services.testbed.localstack.engine import DatabaseAddress
from services.trade.domain.checks import findings
from services.trade.domain.finding import Reason, Verdict, rules
from services.trade.domain.offshore import Classified, Confirmation, DealClass, KnownDeal, classify, report
from services.trade.domain.paper import PaperSet
from services.trade.store.deals import deals_beside, known_deal, stated_deal, views_of
from tests.support.api import cast
from tests.support.databases import migrated_database
from tests.support.financing.stored_world import Stored, events_of, register, tell
from tests.support.trade_deals import deal_says, invoice_paper

pytestmark = pytest.mark.integration
AT = cast.micros("2026-12-31T00:00Z")
_XA1 = "consignment xaport/XA-1"
Event = Mapping[str, Any]


def event(id_: str, by: str, at: str, type_: str, **says: Any) -> Event:
    return {"id": id_, "by": by, "at": f"2026-03-{at}+08:00", "type": type_, "says": says}


def stated(id_: str, by: str, at: str, objects: str, **changed: Any) -> Event:
    return event(id_, by, at, "trade.offshore_deal_stated", objects=objects, **deal_says(**changed))


FOUND = event(
    "opened", "xaport", "01T08:00", "link.consignment_opened", reference="KZ-1",
    parties=[{"optic": "shipper"}, {"cr": "railway"}],
)  # fmt: skip
_KZ1 = "consignment xaport/KZ-1"
_ABROAD = event("abroad", "cr", "02T08:00", "movement.arrived", objects=_KZ1, place="locode:KZALA")
_HOME = event("home", "cr", "03T08:00", "movement.arrived", objects=_KZ1, place="locode:CNXIA")
_TRANSIT = event(
    "transit",
    "gacc",
    "03T09:00",
    "customs.transit_opened",
    objects=_KZ1,
    jurisdiction="CN",
    procedure="OTHER",
)
_STRANGER = event("strange", "toys", "04T08:00", "movement.arrived", objects=_KZ1, place="locode:CNXIA")
_DEAL = stated("deal", "optic", "01T09:00", _KZ1)
_AGAIN = stated("deal-again", "optic", "05T09:00", _KZ1, bop="121030")


def known(dsn: str, owner: str = "optic", reference: str = "OD-1") -> KnownDeal | None:
    with open_session(dsn, "lianyun-test") as session:
        registry = store.read_snapshot(session)
        deal = stated_deal(session, owner, reference, registry, AT)
        if deal is None:
            return None
        views = views_of(session, deal, lambda ids: read_views(session, ids, AT, registry))
        return known_deal(deal, views)


def played(postgres: DatabaseAddress, name: str, events: Sequence[Event], order: Random | None = None) -> str:
    """A database with ``events``; ``order`` shuffles them and stores each twice."""
    dsn = migrated_database(postgres, name)
    case = cast.case(events)
    stored = Stored(dsn)
    register(stored.session, case.story)
    stored.session.commit()
    told = [each for each in events_of(case) if each[1].short in {of["id"] for of in events}]
    if order is not None:
        told = [*told, *told]
        order.shuffle(told)
    for at, each in told:
        tell(stored.session, each, at)
        stored.session.commit()
    stored.close()
    return dsn


def summary(found: KnownDeal | None) -> tuple[Classified, tuple[Confirmation, ...]]:
    assert found is not None
    return classify(found), report(found)


def test_the_class_is_that_of_the_facts_in_any_order_and_any_copies(postgres: DatabaseAddress) -> None:
    events = [FOUND, _DEAL, _ABROAD, _HOME, _TRANSIT, _STRANGER]
    plain = summary(known(played(postgres, "deals_plain", events)))
    assert plain[0].deal_class is DealClass.TRANSIT_THROUGH_CHINA
    assert "toys" not in {each.by for each in plain[0].follows_from}
    for seed in range(2):
        assert summary(known(played(postgres, f"deals_{seed}", events, Random(seed)))) == plain


def test_each_fact_moves_the_class_and_a_stranger_moves_nothing(postgres: DatabaseAddress) -> None:
    dsn = played(postgres, "deals_steps", [FOUND, _DEAL, _ABROAD, _STRANGER])
    assert summary(known(dsn))[0].deal_class is DealClass.OFFSHORE
    home = played(postgres, "deals_home", [FOUND, _DEAL, _ABROAD, _HOME])
    assert summary(known(home))[0].deal_class is DealClass.TOUCHES_HOME_TERRITORY


def test_the_latest_live_statement_counts(postgres: DatabaseAddress) -> None:
    gone = event("gone", "optic", "06T09:00", "correction.retracted", of="deal-again", reason="OTHER")
    both = known(played(postgres, "deals_both", [FOUND, _DEAL, _AGAIN], Random(1)))
    assert both is not None
    assert both.deal.stated.bop == "121030"
    one = known(played(postgres, "deals_gone", [FOUND, _DEAL, _AGAIN, gone], Random(2)))
    assert one is not None
    assert one.deal.stated.bop == "122010"


def test_nothing_of_a_deal_reaches_a_consignment(postgres: DatabaseAddress) -> None:
    dsn = played(postgres, "deals_reach", [FOUND, _DEAL])
    with open_session(dsn, "lianyun-test") as session:
        registry = store.read_snapshot(session)
        found = known(dsn)
        assert found is not None
        assert found.deal.thing == offshore_deal("optic", "OD-1")
        (view,) = views_of(session, found.deal, lambda ids: read_views(session, ids, AT, registry))
        assert found.deal.event not in view.sources.ids


def test_a_paper_of_two_owners_deals_is_found_without_the_other_owners_word(
    postgres: DatabaseAddress,
) -> None:
    own = {"scheme": "PARTY", "number": "optic"}
    copied = stated(
        "copied", "textil", "07T09:00", _KZ1, reference="X-1", papers=[invoice_paper("inv 1", issuer=own)]
    )
    dsn = played(postgres, "deals_shared", [FOUND, _DEAL, copied])
    found = known(dsn)
    assert found is not None
    with open_session(dsn, "lianyun-test") as session:
        beside = deals_beside(session, found.deal, store.read_snapshot(session), AT)
    assert [each.name for each in beside] == ["textil/X-1"]
    every = PaperSet(deals=(found, *map(KnownDeal, beside)))
    said = [each for each in findings(every, rules(date(2026, 3, 9))) if each.check == "D31"]
    assert [(each.verdict, each.reason) for each in said] == [(Verdict.CONTRADICTION, Reason.TWO_DEALS)]


def test_who_is_not_named_in_the_consignment_learns_nothing_of_it(postgres: DatabaseAddress) -> None:
    """A deal over somebody else's consignment sees no fact of it, so its report opens nothing."""
    foreign = stated("foreign", "textil", "07T09:00", _KZ1, reference="X-1")
    found = known(played(postgres, "deals_foreign", [FOUND, foreign, _HOME, _TRANSIT]), "textil", "X-1")
    assert found is not None
    assert found.sightings == ()
