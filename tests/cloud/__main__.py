# SPDX-License-Identifier: Apache-2.0
"""python -m tests.cloud up|down|status|fail HOST|revive HOST|wipe"""

from __future__ import annotations

import argparse
import sys
import time

from tests.cloud import (
    cloud,
    configs,
    errors,
    hosts,
    paths,
    processes,
    services,
)


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return int(arguments.call(arguments) or 0)
    except errors.CloudError as exc:
        print(f'practice cloud: {exc}', file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m tests.cloud', description='The practice cloud.'
    )
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    for name, call, text in (
        ('up', up, 'install what is missing, start what is not running'),
        ('down', down, 'end all its processes, keep its data'),
        ('status', status, 'say what runs; exit 1 if not all does'),
        ('wipe', wipe, 'down, and forget its data; keep the cache'),
    ):
        commands.add_parser(name, help=text).set_defaults(call=call)
    one = commands.add_parser('fail', help='let a compute host die')
    one.add_argument('host')
    one.add_argument(
        '--keep-power',
        action='store_true',
        help='only nova-compute dies; its guests run on',
    )
    one.set_defaults(call=fail)
    one = commands.add_parser('revive', help='bring a failed host back')
    one.add_argument('host')
    one.set_defaults(call=revive)
    return parser


def up(_: argparse.Namespace) -> None:
    began = time.monotonic()
    cloud.up(lambda line: print(line, file=sys.stderr, flush=True))
    failed = [host for host in configs.HOSTS if not services.powered(host)]
    for host in failed:
        print(
            f'{host} is still failed; "revive {host}" brings it back',
            file=sys.stderr,
        )
    print(f'up: {time.monotonic() - began:.1f} s', file=sys.stderr)
    print(f'# {paths.clouds_yaml()}: practice, practice-member')
    print(cloud.environment())


def down(_: argparse.Namespace) -> None:
    # Said first: there may be several clouds, chosen by the environment.
    print(f'down: the cloud in {paths.state()}', file=sys.stderr, flush=True)
    cloud.down()


def wipe(_: argparse.Namespace) -> None:
    print(f'wipe: the cloud in {paths.state()}', file=sys.stderr, flush=True)
    cloud.wipe()


def status(_: argparse.Namespace) -> int:
    configs_there = paths.state().exists()
    for name in cloud.wanted():
        print(f'{name:24}{"up" if processes.running(name) else "down"}')
    for host in configs.HOSTS:
        print(f'{host:24}power {"on" if services.powered(host) else "off"}')
    if configs_there:
        configs.clouds()
        print(cloud.environment())
    return 0 if cloud.complete() else 1


def fail(arguments: argparse.Namespace) -> None:
    hosts.fail(arguments.host, arguments.keep_power)


def revive(arguments: argparse.Namespace) -> None:
    hosts.revive(arguments.host)


if __name__ == '__main__':
    sys.exit(main())
