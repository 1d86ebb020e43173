"""``python -m services.testbed.bench``: measure the pipeline on this machine and print the report as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import fields

from services.testbed.bench.pipeline import Scale, bench_pipeline


def main() -> None:
    """Read the scale from the command line, run, print."""
    parser = argparse.ArgumentParser(prog="python -m services.testbed.bench", description=__doc__)
    for field in fields(Scale):
        kind = float if isinstance(field.default, float) else int
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=field.default)
    scale = Scale(**vars(parser.parse_args()))
    result = bench_pipeline(scale, lambda line: print(line, file=sys.stderr, flush=True))
    print(json.dumps(result, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
