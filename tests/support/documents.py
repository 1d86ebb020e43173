"""Documents and chains of the tests of documents."""

from services.documents.domain.document import Document, DocumentKind, DocumentParty, checked, fields_of
from services.documents.domain.legal import SignerRole
from services.documents.domain.transfer import Action, Chain, Holding, Refusal, Transfer, apply

BILL = checked(
    Document(
        version=1,
        kind=DocumentKind.MULTIMODAL_BILL,
        form="NEGOTIABLE",
        basis="CN_SINGLE_DOCUMENT",
        number="FBL-1",
        consignment="FWD1/C-1",
        parties=(
            DocumentParty(SignerRole.ISSUER, "FWD1"),
            DocumentParty(SignerRole.CARRIER, "CR"),
            DocumentParty(SignerRole.CARRIER, "KTZ"),
        ),
        fields=fields_of({"containers": ["MSKU1234565"], "gross_weight_kg": 21000}.items()),
    )
)


def step(
    chain: Chain, action: Action, by: str, to: str = "", *, paper: str = "", document: Document | None = None
) -> Transfer:
    """The transfer that follows the chain, of the version that stands or of ``document``."""
    known = document or chain.document
    number = len(chain.transfers) + 1
    return Transfer(
        known.id,
        number,
        action,
        by,
        to,
        known.version,
        known.digest,
        chain.last,
        number,
        f"r{number}",
        "00",
        paper,
    )


def grown(
    chain: Chain, action: Action, by: str, to: str = "", *, paper: str = "", document: Document | None = None
) -> Chain:
    """The chain with a further transfer, which must be possible."""
    transfer = step(chain, action, by, to, paper=paper, document=document)
    assert isinstance(apply(chain, transfer), Holding), apply(chain, transfer)
    return Chain(document or chain.document, (*chain.transfers, transfer))


def refused(chain: Chain, action: Action, by: str, to: str = "", *, paper: str = "") -> str:
    """The reason for which the next transfer is refused."""
    found = apply(chain, step(chain, action, by, to, paper=paper))
    assert isinstance(found, Refusal), found
    assert found.remedy
    return found.reason


def issued(document: Document = BILL, to: str = "SHP") -> Chain:
    """The chain of an issued document."""
    return grown(Chain(document), Action.ISSUE, document.issuer, to)
