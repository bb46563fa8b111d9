# SPDX-License-Identifier: Apache-2.0
"""A host as small as can be: a folder that our real program takes for /.

Its accounts and files are real, in a mount and process namespace of their
own; its services are a word that says whether they run.
"""

import os
import pathlib
import signal
import threading

from osc_recover.facts import Service
from osc_recover.gateways.ssh import payload
from osc_recover.gateways.ssh.link import Link
from tests.unit import local_agent

PYTHON = '/usr/bin/python3'
NEEDS = (
    'needs root, unshare(1) and /usr/bin/python3: the host has namespaces of '
    'its own'
)
UNIT = 'nova-compute.service'
_NETWORK = {
    'type': 'nfs4', 'source': 'nas:/nova', 'class': 'network',
    'covered': False,
}  # fmt: skip
_ENTER = (
    'mount --bind "$1" "$1"; mount --bind /usr "$1/usr"; '
    'mount -o remount,bind,ro "$1/usr"; mount -t proc proc "$1/proc"; '
    'if [ -n "$2" ]; then mount --bind "$2" "$1/nfs"; fi; shift; '
    'shift; root=$1; shift; exec chroot "$root" "$@"'
)
_PASSWD = """\
root:x:0:0:root:/root:/bin/sh
nova:x:{0}:{2}::/var/lib/nova:/bin/sh
libvirt-qemu:x:{1}:{3}::/var/lib/libvirt:/bin/sh
"""
_GROUP = 'root:x:0:\nnova:x:{2}:\nlibvirt:x:{3}:nova\n'


class LittleHost:
    """The folder, and whether its nova-compute runs.

    :param numbers: of nova and libvirt-qemu, and of groups nova and libvirt
    :param shared: a folder of this machine that it has mounted at /nfs, and
        takes for a network file system
    :ivar fuse: is called before and after every request
    """

    def __init__(
        self,
        folder: pathlib.Path,
        numbers: tuple[int, ...] = (108, 112, 120, 119),
        shared: pathlib.Path | None = None,
    ) -> None:
        self.root = folder / 'root'
        self._numbers, self._shared = numbers, shared
        self.running, self.stuck = True, False
        self.fuse = lambda: None
        self._beat = 0
        self._process = None
        self._turn = threading.Lock()
        self._build()

    def _build(self) -> None:
        for name in ('usr', 'proc', 'etc', 'nfs', 'root', 'srv', 'var/lib'):
            (self.root / name).mkdir(parents=True)
        for name in ('bin', 'lib', 'lib64'):
            (self.root / name).symlink_to(f'usr/{name}')
        for name, text in (('passwd', _PASSWD), ('group', _GROUP)):
            told = text.format(*self._numbers)
            (self.root / 'etc' / name).write_text(told)
        for number, (uid, gid) in enumerate(
            [(108, 120), (112, 119), (108, 119), (0, 120), (7, 7), (112, 0)]
        ):
            path = self.root / 'srv' / str(number)
            path.write_text('')
            os.chown(path, uid, gid)
            path.chmod(0o6755)

    def owners(self):
        """Of every file: its numbers and mode."""
        files = sorted((self.root / 'srv').iterdir())
        return [(s.st_uid, s.st_gid, s.st_mode) for s in map(os.stat, files)]

    def accounts(self):
        """The lines of its accounts."""
        names = ('passwd', 'group')
        return [(self.root / 'etc' / name).read_text() for name in names]

    def cut(self) -> None:
        """Our program there dies at once."""
        if self._process is not None:
            os.killpg(self._process.process.pid, signal.SIGKILL)
            self._process.end()
            self._process = None

    # As a gateway asks

    def ask(self, host, op, args, *, timeout, tell=None):
        self.fuse()
        with self._turn:  # a host carries out one operation at a time
            answer = self._services(op) or self._link().ask(
                op, args, timeout=timeout, tell=tell
            )
        if op == 'mounts.list':
            for row in answer['mounts']:
                if row['point'] == '/nfs':
                    row.update(_NETWORK)
        self.fuse()
        return answer

    def each(self, names, op, args, *, timeout, tell=None):
        for name in names:
            yield name, self.ask(name, op, args, timeout=timeout)

    def _services(self, op):
        if op in ('units.start', 'units.stop'):
            self.running = op == 'units.start'
            return {'done': True}
        if op == 'units.show':
            active = 'active' if self.running else 'inactive'
            return {'units': {UNIT: {'active': active, 'file': 'enabled'}}}
        if op == 'processes.of' and self.stuck:
            process = {'pid': 7, 'command': 'nova-api', 'under': []}
            return {'processes': [process]}
        if op == 'containers.show':
            return {'engine': None, 'containers': {}}
        assert not (op == 'tree.change' and self.running)
        assert not (op == 'accounts.change' and self.running)
        return None

    def _link(self):
        if self._process is None:
            data = payload.payload()
            inside = [str(self.root), PYTHON, '-I', '-B', '-S', '-c']
            shared = str(self._shared or '')
            enter = ['sh', '-ec', _ENTER, 'sh', str(self.root), shared]
            spaces = ['--mount', '--pid', '--fork', '--kill-child']
            self._process = local_agent.Process(
                ['setsid', 'unshare', *spaces, '--propagation', 'private',
                 *enter, *inside, payload.BOOT, str(len(data))]
            )  # fmt: skip
            self._process.send(data)
            self._talk = Link(local_agent.WHO, self._process)
        return self._talk

    # As nova tells

    def compute_service(self, host):
        self._beat += 1
        return Service('7', host, up=True, updated_at=f'T{self._beat}')
