# SPDX-License-Identifier: Apache-2.0
"""The demo: a host with servers of several kinds dies, and is recovered.

``python -m tests.demo`` needs the practice cloud to be up.
"""

import pathlib
import subprocess
import sys
import tempfile

from tests import practice
from tests.cloud import lab

HOST = 'cmp1'


def main() -> int:
    """Boot, fail, recover, show; returns the exit status of the recovery."""
    cloud = practice.Practice()
    say('a clean practice cloud')
    for host in lab.HOSTS:
        cloud.heal(host)
    cloud.delete_all()
    with (
        practice.shared_disks(),
        tempfile.TemporaryDirectory(prefix='osc-recover-demo-') as folder,
    ):
        clouds = practice.write_clouds(pathlib.Path(folder))
        say(f'servers of several kinds on {HOST}')
        practice.fleet(cloud, HOST)
        say(f'{HOST} dies')
        lab.fail(HOST)
        return recover(clouds)


def recover(clouds: pathlib.Path) -> int:
    """The command that all this is about, with its table."""
    words = ['host', HOST, '--fence', '--yes', '--fit-width']
    columns = ['Name', 'Kind', 'Verdict', 'Destination', 'State', 'Reason']
    for column in columns:
        words += ['-c', column]
    argv = practice.command(*words, json_rows=False)
    say(f'openstack recover host {HOST} --fence --yes')
    return subprocess.run(
        argv, env=practice.environment(clouds), check=False
    ).returncode


def say(text: str) -> None:
    """One step of the demo."""
    print(f'==> {text}', flush=True)


if __name__ == '__main__':
    sys.exit(main())
