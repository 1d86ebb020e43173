"""A pytest plugin that builds the mutant named in ``LIANYUN_MUTANT`` in before any test is imported; none: it does nothing."""

from __future__ import annotations

import os

from tests.system.mutants.catalogue import named

VARIABLE = "LIANYUN_MUTANT"

if os.environ.get(VARIABLE):
    named(os.environ[VARIABLE]).patch()
