# SPDX-License-Identifier: Apache-2.0
"""The demo: a host with servers of several kinds dies, and is recovered.

``python -m tests.demo`` needs the practice cloud to be up.  With
``--record FILE`` it also keeps the facts that the recovery was planned from,
as the power tests have them.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from osc_recover import records
from osc_recover.gateways.cloud import Cloud
from osc_recover.observe.situation import situation
from tests import practice
from tests.cloud import lab

HOST = 'cmp1'


def main() -> int:
    """Boot, fail, recover, show; returns the exit status of the recovery."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--record', type=pathlib.Path, metavar='FILE')
    given = parser.parse_args()
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
        if given.record:
            record(cloud, given.record)
        return recover(clouds)


def record(cloud: practice.Practice, path: pathlib.Path) -> None:
    """Keep the facts, once nova has seen the failure."""
    cloud.until(lambda: cloud.service(HOST)['state'] == 'down', 'seen as down')
    facts = situation(Cloud(cloud.sdk.config), [HOST])
    data = records.to_data(facts)
    path.write_text(json.dumps(data, indent=1, sort_keys=True) + '\n')


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
