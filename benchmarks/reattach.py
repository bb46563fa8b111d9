# SPDX-License-Identifier: Apache-2.0
"""The same volumes attached again by us and by the guide's loop, in pairs.

``python -m benchmarks.reattach`` needs the practice cloud to be up.  A file
has a line for each volume; the guide's loop reads it, runs ``openstack server
add volume`` for each line and sleeps two seconds.  A way is timed from its
start until cinder has every volume in use; they take turns at going first.
"""

import argparse
import dataclasses
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping

from tests import practice
from tests.cloud import lab

OPENSTACK = str(pathlib.Path(sys.executable).with_name('openstack'))
LOOP = """
while read volume instance mount_point; do
    {openstack} server add volume $instance $volume --device $mount_point
    sleep 2
done < {file}
"""


@dataclasses.dataclass(frozen=True)
class Stage:
    """Servers with their data volumes, and the file that names them."""

    cloud: practice.Practice
    clouds: pathlib.Path
    of: Mapping[str, list[str]]

    @property
    def file(self) -> pathlib.Path:
        return self.clouds.with_name('volumes.txt')

    @property
    def environment(self) -> dict[str, str]:
        return practice.environment(self.clouds)

    def detach(self) -> None:
        """Take every volume off its server, and wait for that."""
        for server, volumes in self.of.items():
            for volume in volumes:
                path = f'/servers/{server}/os-volume_attachments/{volume}'
                self.cloud.call('DELETE', path)
        self.wait('available')

    def wait(self, status: str) -> None:
        """Until every volume has a status."""
        wanted = {volume for some in self.of.values() for volume in some}
        storage = self.cloud.sdk.block_storage
        self.cloud.until(
            lambda: (
                wanted
                <= {
                    volume.id
                    for volume in storage.volumes(all_projects=True)
                    if volume.status == status
                }
            ),
            f'all volumes {status}',
        )


def made(
    cloud: practice.Practice, folder: pathlib.Path, servers: int, each: int
) -> Stage:
    """Boot servers and give them volumes."""
    cloud.delete_all()
    names = [f's{n}' for n in range(servers)]
    ids = []
    for number, host in enumerate(lab.HOSTS):
        ids += cloud.boot(names[number :: len(lab.HOSTS)], host, port=False)
    of = {
        server: [cloud.add_volume(server, f'v{n}') for n in range(each)]
        for server in ids
    }
    stage = Stage(cloud, practice.write_clouds(folder), of)
    stage.file.write_text(
        ''.join(
            f'{volume} {server} /dev/vd{"bcdefgh"[n]}\n'
            for server, volumes in of.items()
            for n, volume in enumerate(volumes)
        )
    )
    return stage


def ours(stage: Stage) -> None:
    """openstack recover volume attach."""
    words = ('volume', 'attach', '--file', str(stage.file), '--yes')
    _run([OPENSTACK, 'recover', *words], stage)


def guide(stage: Stage) -> None:
    """The guide's loop, with the options of today's client."""
    script = LOOP.format(openstack=OPENSTACK, file=stage.file)
    _run(['sh', '-c', script], stage)


def _run(argv: list[str], stage: Stage) -> None:
    subprocess.run(
        argv, env=stage.environment, check=True, stdout=subprocess.DEVNULL
    )


def timed(way: Callable[[Stage], None], stage: Stage) -> float:
    """Seconds until every volume is in use."""
    stage.detach()
    start = time.monotonic()
    way(stage)
    stage.wait('in-use')
    return time.monotonic() - start


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--servers', type=int, default=10)
    parser.add_argument('--each', type=int, default=4, help='volumes')
    parser.add_argument('--rounds', type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        stage = made(
            practice.Practice(), pathlib.Path(name), args.servers, args.each
        )
        ratios = []
        for number in range(args.rounds):
            ways = [ours, guide] if number % 2 else [guide, ours]
            found = {way: timed(way, stage) for way in ways}
            ratios.append(found[ours] / found[guide])
            print(
                f'{args.servers * args.each} volumes: ours '
                f'{found[ours]:.1f} s, the loop {found[guide]:.1f} s, ratio '
                f'{ratios[-1]:.3f}',
                flush=True,
            )
        print(f'ratio, median: {statistics.median(ratios):.3f} (0.1 wanted)')
        stage.cloud.delete_all()


if __name__ == '__main__':
    main()
