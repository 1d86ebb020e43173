"""One original, one holder: what each action needs and leaves."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.documents.domain.document import Document, DocumentKind, DocumentParty, amended, checked
from services.documents.domain.legal import SignerRole
from services.documents.domain.transfer import (
    BEARER,
    Action,
    BrokenChain,
    Chain,
    Holding,
    Medium,
    OriginalState,
    apply,
    pending,
)
from tests.support.documents import BILL, grown, issued, refused, step

NOTE = checked(
    replace(
        BILL,
        kind=DocumentKind.RAIL_NOTE,
        form="SMGS",
        basis="SMGS",
        parties=(DocumentParty(SignerRole.ISSUER, "CR"), DocumentParty(SignerRole.CONSIGNOR, "SHP")),
    )
)


def _held(chain: Chain) -> Holding:
    assert chain.holding is not None
    return chain.holding


def test_an_original_is_issued_once_by_its_issuer_and_passes_from_holder_to_holder() -> None:
    assert refused(Chain(BILL), Action.ISSUE, "CR", "SHP") == "NOT_ISSUER"
    assert refused(Chain(BILL), Action.TRANSFER, "FWD1", "SHP") == "NOT_ISSUED"
    chain = issued()
    assert refused(chain, Action.ISSUE, "FWD1", "OTHER") == "ALREADY_ISSUED"
    assert refused(chain, Action.TRANSFER, "CNE", "X") == "NOT_HOLDER"
    assert refused(chain, Action.TRANSFER, "SHP") == "NO_RECIPIENT"
    assert refused(chain, Action.TRANSFER, "SHP", "SHP") == "SAME_PARTY"
    moved = grown(chain, Action.TRANSFER, "SHP", "CNE")
    assert (_held(moved).holder, _held(moved).since, _held(moved).order) == ("CNE", 2, "SHP")
    assert refused(moved, Action.TRANSFER, "SHP", "X") == "NOT_HOLDER"


def test_two_transfers_never_follow_the_same_one() -> None:
    chain = issued()
    first, second = step(chain, Action.TRANSFER, "SHP", "A"), step(chain, Action.TRANSFER, "SHP", "B")
    after = Chain(BILL, (*chain.transfers, first))
    found = apply(after, second)
    assert found.reason == "CHAIN_MOVED"  # type: ignore[union-attr]
    with pytest.raises(BrokenChain):
        Chain(BILL, (*chain.transfers, first, second)).holding  # noqa: B018


def test_a_bill_to_order_is_endorsed_by_who_holds_it_and_is_its_endorsee() -> None:
    chain = issued()
    assert refused(grown(chain, Action.TRANSFER, "SHP", "CNE"), Action.ENDORSE, "CNE", "X") == "NOT_ENDORSEE"
    endorsed = grown(chain, Action.ENDORSE, "SHP", "CNE")
    assert (_held(endorsed).holder, _held(endorsed).order) == ("CNE", "CNE")
    blank = grown(endorsed, Action.BLANK_ENDORSE, "CNE")
    assert (_held(blank).holder, _held(blank).order, _held(blank).since) == ("CNE", BEARER, 2)
    carried = grown(blank, Action.TRANSFER, "CNE", "BUYER")
    assert (
        _held(grown(carried, Action.SURRENDER_FOR_DELIVERY, "BUYER", "KTZ")).state
        is OriginalState.SURRENDERED
    )
    assert refused(issued(NOTE), Action.ENDORSE, "SHP", "CNE") == "NOT_TO_ORDER"


def test_a_pledge_is_a_transfer_that_only_the_pledgee_gives_back() -> None:
    chain = grown(issued(), Action.PLEDGE, "SHP", "BANK")
    assert _held(chain).holder == "BANK"
    assert _held(chain).pledge is not None
    for action in (Action.TRANSFER, Action.ENDORSE, Action.PLEDGE, Action.SURRENDER_FOR_DELIVERY):
        assert refused(chain, action, "BANK", "X") == "PLEDGED"
        assert refused(chain, action, "SHP", "X") == "PLEDGED"
    assert refused(chain, Action.SWITCH_TO_PAPER, "BANK", paper="1") == "PLEDGED"
    assert refused(chain, Action.RELEASE, "SHP") == "NOT_PLEDGEE"
    assert refused(chain, Action.RELEASE, "BANK", "OTHER") == "NOT_PLEDGOR"
    released = grown(chain, Action.RELEASE, "BANK")
    assert (_held(released).holder, _held(released).pledge) == ("SHP", None)
    assert refused(released, Action.RELEASE, "BANK") == "NOT_PLEDGED"


def test_paper_and_electronic_are_never_there_at_once() -> None:
    chain = issued()
    assert refused(chain, Action.SWITCH_TO_ELECTRONIC, "FWD1", "SHP", paper="P-1") == "NOT_ON_PAPER"
    assert refused(chain, Action.SWITCH_TO_PAPER, "SHP") == "NO_PAPER"
    paper = grown(chain, Action.SWITCH_TO_PAPER, "SHP", paper="P-1")
    assert (_held(paper).holder, _held(paper).medium) == ("", Medium.PAPER)
    for action in (*Action,):
        if action not in (Action.ISSUE, Action.SWITCH_TO_ELECTRONIC):
            assert refused(paper, action, "SHP", "X", paper="P-2") == "ON_PAPER"
    assert refused(paper, Action.SWITCH_TO_ELECTRONIC, "SHP", "SHP", paper="P-1") == "NOT_ISSUER"
    assert refused(paper, Action.SWITCH_TO_ELECTRONIC, "FWD1", "CNE", paper="P-9") == "OTHER_PAPER"
    back = grown(paper, Action.SWITCH_TO_ELECTRONIC, "FWD1", "CNE", paper="P-1")
    assert (_held(back).holder, _held(back).order, _held(back).medium) == ("CNE", "CNE", Medium.ELECTRONIC)


def test_an_amendment_is_the_next_version_with_the_holders_consent() -> None:
    chain = issued()
    second = amended(BILL, BILL.parties, {"gross_weight_kg": 20000}.items())  # type: ignore[arg-type]
    wrong = step(chain, Action.AMEND, "SHP", document=replace(second, version=3))
    assert apply(chain, wrong).reason == "VERSION_DIFFERS"  # type: ignore[union-attr]
    assert refused(chain, Action.AMEND, "SHP") == "VERSION_DIFFERS"
    chain = grown(chain, Action.AMEND, "SHP", document=second)
    assert (_held(chain).version, _held(chain).content, _held(chain).holder) == (2, second.digest, "SHP")
    old = step(Chain(BILL, chain.transfers), Action.TRANSFER, "SHP", "CNE")
    assert apply(chain, old).reason == "VERSION_DIFFERS"  # type: ignore[union-attr]


def test_the_end_of_an_original_is_final() -> None:
    chain = issued()
    assert refused(chain, Action.VOID, "SHP") == "NOT_ISSUER"
    assert refused(chain, Action.VOID, "FWD1") == "NOT_HOLDER"
    assert refused(chain, Action.SURRENDER_FOR_DELIVERY, "SHP", "CNE") == "NOT_CARRIER"
    assert refused(issued(NOTE), Action.SURRENDER_FOR_DELIVERY, "SHP", "CR") == "NOT_SURRENDERED"
    surrendered = grown(chain, Action.SURRENDER_FOR_DELIVERY, "SHP", "FWD1")
    voided = grown(grown(chain, Action.TRANSFER, "SHP", "FWD1"), Action.VOID, "FWD1")
    for ended, state in ((surrendered, "SURRENDERED"), (voided, "VOID")):
        for action in Action:
            expected = "ALREADY_ISSUED" if action is Action.ISSUE else state
            assert refused(ended, action, "FWD1", "X") == expected


def test_nothing_follows_a_transfer_that_is_not_effective() -> None:
    chain = issued()
    found = pending(chain, 0)
    assert found is not None
    assert found.reason == "PREVIOUS_PENDING"
    assert pending(chain, 1) is None


PARTIES = ("FWD1", "CR", "SHP", "CNE", "BANK", "")
TRIED = st.tuples(st.sampled_from([*Action]), st.sampled_from(PARTIES), st.sampled_from(PARTIES))


@given(st.lists(TRIED, max_size=14))
def test_whatever_is_tried_there_is_one_holder_or_a_paper_or_the_end(
    tried: list[tuple[Action, str, str]],
) -> None:
    chain = issued()
    for action, by, to in tried:
        transfer = step(chain, action, by, to, paper="P-1")
        before, found = _held(chain), apply(chain, transfer)
        if not isinstance(found, Holding):
            continue
        if action is not Action.SWITCH_TO_ELECTRONIC:
            assert before.holder == by  # nobody but the holder changes anything while it is electronic
        assert (found.holder == "") == (found.medium is Medium.PAPER or found.state is OriginalState.VOID)
        assert found.pledge is None or found.holder == found.pledge.pledgee
        assert found.last == transfer.digest
        chain = Chain(BILL, (*chain.transfers, transfer))
        assert chain.holding == found


def test_a_document_comes_back_from_its_json() -> None:
    assert Document.of_plain(BILL.plain) == BILL
    assert len(bytes.fromhex(BILL.id)) == 16
