# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.schemas make 26``: a release's schemas, made by it."""

import argparse

from tests import schemas
from tests.schemas import making


def main() -> None:
    parser = argparse.ArgumentParser(prog='python -m tests.schemas')
    parser.add_argument('verb', choices=['make'])
    parser.add_argument('release', nargs='+', choices=schemas.RELEASES)
    parsed = parser.parse_args()
    for release in parsed.release:
        making.make(release)


if __name__ == '__main__':
    main()
