# SPDX-License-Identifier: Apache-2.0
"""python -m tests.zed up|down|status|demo|power-loss"""

from __future__ import annotations

import argparse
import sys

from tests.cloud import errors, paths, processes
from tests.zed import region, where


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return int(arguments.call(arguments) or 0)
    except errors.CloudError as exc:
        print(f'zed: {exc}', file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m tests.zed',
        description='Nova 26 beside the practice cloud.',
    )
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    for name, call, text in (
        ('up', up, 'start what is not running, beside the practice cloud'),
        ('down', down, 'end all its processes, keep its data'),
        ('status', status, 'say what runs; exit 1 if not all does'),
        ('power-loss', power_loss, 'two hosts lose it, and are recovered'),
    ):
        commands.add_parser(name, help=text).set_defaults(call=call)
    one = commands.add_parser('demo', help='a host dies, and is recovered')
    one.add_argument(
        '--method', choices=('evacuate', 'database'), default='evacuate'
    )
    one.set_defaults(call=demo)
    return parser


def up(_: argparse.Namespace) -> None:
    region.up(lambda line: print(line, file=sys.stderr, flush=True))
    print(f'# {paths.clouds_yaml()}: practice, {where.REGION}')
    print(f'export OS_CLIENT_CONFIG_FILE={paths.clouds_yaml()}')


def down(_: argparse.Namespace) -> None:
    region.down()


def status(_: argparse.Namespace) -> int:
    where.enter()
    names = [service.name for service in region.wanted()]
    for name in names:
        print(f'{name:24}{"up" if processes.running(name) else "down"}')
    return 0 if all(map(processes.running, names)) else 1


def demo(arguments: argparse.Namespace) -> int:
    where.enter()
    # Late: it needs our own environment, and the others do not.
    from tests.zed import demo

    return demo.run(arguments.method)


def power_loss(_: argparse.Namespace) -> int:
    where.enter()
    from tests.zed import power_loss

    return power_loss.run()


if __name__ == '__main__':
    sys.exit(main())
