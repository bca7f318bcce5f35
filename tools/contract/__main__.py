"""Does oaikit still fit vLLM? ``python -m tools.contract [--release supported|newest|VERSION]``.

Reads the source archives of vLLM's releases, without a GPU and without installing them, and looks up everything in
them that tools/contract/table.py says oaikit relies on. Ends with status 1 and a list if something is missing.
"""

from __future__ import annotations

import argparse
import sys

from tools.contract.checks import check, report
from tools.contract.releases import ReleaseError, archives, chosen, sources


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--release",
        default="supported",
        help="supported: the oldest and newest that pyproject.toml takes; newest: the newest there is; or a version",
    )
    wanted = parser.parse_args().release
    complete = True
    try:
        for archive in chosen(wanted, archives()):
            found = sources(archive)
            complaints, looked_up = check(found)
            print(report(found.release, complaints, looked_up), flush=True)
            complete = complete and not complaints
    except ReleaseError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
