"""A working copy made under umask 077: the containers' own users can read what is copied into the image or mounted."""

from __future__ import annotations

import importlib.util
import re
import shutil
import stat
from pathlib import Path

import pytest
import yaml

INFRA = Path(__file__).resolve().parents[3] / "infra"


def mounted() -> set[Path]:
    """The files and folders that the compose file mounts into containers; its secrets have their own ways."""
    services = yaml.safe_load((INFRA / "docker-compose.yml").read_text())["services"]
    volumes = [volume for service in services.values() for volume in service.get("volumes", ())]
    sources = {volume.partition(":")[0] for volume in volumes if isinstance(volume, str)}
    return {(INFRA / source).resolve() for source in sources if source.startswith(("./", "../"))}


def closed(folder: Path) -> Path:
    """A copy of infra/ and ops/ that nobody but its owner may read."""
    for name in ("infra", "ops"):
        ignored = shutil.ignore_patterns("wheels", "secrets", "__pycache__", "node_modules")
        shutil.copytree(INFRA.parent / name, folder / name, ignore=ignored)
    for path in folder.rglob("*"):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o700)
    return folder


def test_setup_opens_all_that_is_mounted_and_nothing_else(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("bootstrap", INFRA / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    bootstrap = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bootstrap)
    copy = closed(tmp_path)
    bootstrap.open_mounts(copy)
    sources = [copy / path.relative_to(INFRA.parent) for path in mounted()]
    assert len(sources) > 8
    for source in sources:
        for path in (source, *source.rglob("*")):
            mode = path.stat().st_mode
            wanted = 0o555 if path.is_dir() else 0o444
            assert mode & wanted == wanted, path
            assert not mode & 0o022, "others may read it, not write it"
    assert not (copy / "infra" / "Dockerfile").stat().st_mode & 0o077


@pytest.mark.parametrize("image", ["testbed", "deployment"])
def test_nothing_enters_an_image_past_the_stage_that_opens_it(image: str) -> None:
    text = (INFRA / "Dockerfile").read_text().replace("\\\n", " ")
    stages = {
        name: [line for line in lines.splitlines() if line and not line.startswith("#")]
        for name, lines in re.findall(r"^FROM \S+ AS (\S+)\n((?:(?!FROM ).*\n)*)", text, re.MULTILINE)
    }
    assert not [line for line in stages["base"] if line.startswith(("COPY", "ADD"))]
    assert stages[image] == [f"COPY --from={image}-build /opt/lianyun /opt/lianyun"]
    last = stages[f"{image}-build"][-1]
    assert last == "RUN chmod -R a+rX /opt/lianyun", "after it nothing may be added"
