"""Where a sign-in leads back to: a path of this site and nothing else."""

from __future__ import annotations

from services.pages.auth.sign_in import HOME, safe_path
from tests.support.invariants import holds_for

ELSEWHERE = {
    each: each
    for each in (
        "", "https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "console",
        "/\t/evil.example", "/a\\b", "/a\r\nset-cookie: x=y", " /console", "/é", "/" + "a" * 2_000, "///evil.example",
    )
}  # fmt: skip
HERE = {
    each: each for each in ("/", "/console", "/console/cases?show=mine&crossing=a#b", "/track/a%2Fb", "/a//b")
}


@holds_for(ELSEWHERE)
def test_no_sign_in_leads_elsewhere(case: str) -> None:
    assert safe_path(case) == HOME


@holds_for(HERE)
def test_a_path_of_this_site_is_kept(case: str) -> None:
    assert safe_path(case) == case
