# SPDX-License-Identifier: Apache-2.0
"""Commands that read a whole cloud, against one of thousands of servers.

``python -m benchmarks.scale`` needs no cloud: the lists are made here, from
records of the practice cloud, and each call takes 100 ms longer than they
would.  Time and the most memory are those of the ``openstack`` process.
"""

import argparse
import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence

import yaml

from benchmarks.large_cloud import LargeCloud, serving
from tests.unit.keystone_double import PASSWORD, REGION

COMMANDS = (
    ('snapshot', 'save', '--name', 'before'),
    ('snapshot', 'diff', 'before'),
    ('cloud', '--snapshot', 'before', '--no-agent', '--dry-run'),
)


@dataclasses.dataclass(frozen=True)
class Cost:
    """Seconds, MiB, and its exit status."""

    wall: float
    cpu: float
    memory: float
    status: int


def run(words: Sequence[str], environment: dict[str, str]) -> Cost:
    """One command, from its start to its end."""
    argv = [pathlib.Path(sys.executable).with_name('openstack'), 'recover']
    start = time.monotonic()
    process = subprocess.Popen(
        [*argv, *words], env=environment, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        time.monotonic() - start,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
        process.returncode,
    )


def environment(folder: pathlib.Path, url: str) -> dict[str, str]:
    """Where the command finds the cloud, and keeps what it keeps."""
    auth = {
        'auth_url': url,
        'username': 'admin',
        'password': PASSWORD,
        'user_domain_id': 'd',
        'project_name': 'x',
        'project_domain_id': 'd',
    }
    cloud = {
        'auth_type': 'v3password',
        'auth': auth,
        'region_name': REGION,
        'recover': {'workers': 32},
    }
    path = folder / 'clouds.yaml'
    path.write_text(yaml.safe_dump({'clouds': {'large': cloud}}))
    return {
        'PATH': os.environ['PATH'],
        'OS_CLIENT_CONFIG_FILE': str(path),
        'OS_CLOUD': 'large',
        'XDG_STATE_HOME': str(folder),
        'HOME': str(folder),
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--servers', type=int, default=5000)
    parser.add_argument('--each', type=int, default=2, help='volumes')
    parser.add_argument('--hosts', type=int, default=100)
    parser.add_argument('--delay', type=float, default=0.1, help='seconds')
    args = parser.parse_args()
    large = LargeCloud(args.servers, args.each, args.hosts, args.delay)
    with serving(large) as double, tempfile.TemporaryDirectory() as name:
        found = environment(pathlib.Path(name), f'{double.url}/identity/v3')
        for words in COMMANDS:
            before = len(double.requests)
            cost = run(words, found)
            sent = double.requests[before:]
            by = Counter(one.path.split('/')[1] for one in sent)
            print(
                f'{" ".join(words)}: exit {cost.status}, {cost.wall:.1f} s, '
                f'CPU {cost.cpu:.1f} s, {cost.memory:.0f} MiB, '
                f'{len(sent)} calls: '
                + ', '.join(f'{name} {by[name]}' for name in sorted(by)),
                flush=True,
            )


if __name__ == '__main__':
    main()
