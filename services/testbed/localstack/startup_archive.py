"""Where the broker's Java keeps what it has loaded and compiled once, so that no start does it again (JEP 483, 515).

The file fits one Java and one set of jars and lives in the virtual environment that Java lives in. It is made by
``training``; without it everything works as well, and starts slower.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from services.testbed.localstack.jars import KAFKA_VERSION
from services.testbed.localstack.java import bundled_version

OLDEST_JAVA = 25


def startup_archive() -> Path | None:
    """Return where the archive belongs, there or not; None where the Java in use is not ours or too old for one."""
    version = None if os.environ.get("LIANYUN_JAVA") else bundled_version()
    if version is None or int(version.partition(".")[0]) < OLDEST_JAVA:
        return None
    return Path(sys.prefix) / "lib" / f"kafka-{KAFKA_VERSION}-java-{version}.aot"


def startup_options() -> tuple[str, ...]:
    """Return the options by which Java uses the archive; none where there is none.

    Java looks by itself whether the file fits, and goes on without it where it does not.
    """
    archive = startup_archive()
    return (f"-XX:AOTCache={archive}",) if archive is not None and archive.is_file() else ()
