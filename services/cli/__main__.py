"""``python -m services.cli`` is the ``lianyun`` command."""

from services.cli.main import run

run()
