# SPDX-License-Identifier: Apache-2.0
"""python -m tests.hosts up N [--joined]|down|status"""

from __future__ import annotations

import argparse
import sys
import time

from tests.cloud import errors
from tests.hosts import bed, paths


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return int(arguments.call(arguments) or 0)
    except errors.CloudError as exc:
        print(f'bed: {exc}', file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m tests.hosts', description='A bed of SSH hosts.'
    )
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    one = commands.add_parser('up', help='have hosts 1 to N')
    one.add_argument('count', type=int, metavar='N')
    one.add_argument(
        '--joined',
        action='store_true',
        help="with the practice cloud's nova-compute on them",
    )
    one.set_defaults(call=up)
    for name, call, text in (
        ('down', down, 'remove all hosts, and whatever they needed'),
        ('status', status, 'say which hosts run; exit 1 if not all do'),
    ):
        commands.add_parser(name, help=text).set_defaults(call=call)
    return parser


def up(arguments: argparse.Namespace) -> None:
    began = time.monotonic()
    bed.up(
        arguments.count,
        joined=arguments.joined,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(f'up: {time.monotonic() - began:.1f} s', file=sys.stderr)
    print(
        f'# ssh -i {paths.key()} -o UserKnownHostsFile='
        f'{paths.known_hosts()} root@ADDRESS'
    )


def down(_: argparse.Namespace) -> None:
    print(f'down: the bed in {paths.state()}', file=sys.stderr, flush=True)
    bed.down()


def status(_: argparse.Namespace) -> int:
    there = {one: bed.running(one.name) for one in bed.hosts()}
    for one, running in there.items():
        print(f'{one.name:12}{one.address:16}{"on" if running else "off"}')
    return 0 if all(there.values()) else 1


if __name__ == '__main__':
    sys.exit(main())
