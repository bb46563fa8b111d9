# SPDX-License-Identifier: Apache-2.0
"""Two hosts with our real program, and a libvirt that is a folder.

On each of them runs a process of its own; its virsh is that of
``tests.unit.virsh_program``, and it can lose the host's power.
"""

import pathlib
import signal

from osc_recover import errors
from osc_recover.facts import Server, Service
from osc_recover.gateways.ssh.link import Link, Who
from tests.unit import local_agent
from tests.unit.virsh_double import OFF, Virsh, domain_xml

SERVER = Server(OFF, 'web', 'a', instance_name='instance-0000002a')
FILTERS = ('clean', 'leaf')
_UUIDS = (
    'c0d58bf2-cd34-4aca-a624-2256c7fdd096',
    '0579e499-cf1f-4cf3-a07c-a9cbe9c037a5',
)
_CHANGING = ('filters.define', 'domains.define', 'domains.remove')
# Its own places, and nothing of this machine's nova.
_SETTLED = """
from osc_recover.agent import compute, run
from osc_recover.agent.domains import keep
run.PATH = {folder!r} + '/bin:' + run.PATH
keep.FOLDER, keep._HANDED = {folder!r} + '/kept/domains', {folder!r} + '/run'
compute.running = lambda: None
compute._FOLDERS, compute.KOLLA = ({folder!r} + '/etc',), '/nowhere'
"""
# Counts what changes something, and ends the host before or after it.
_VIRSH = """#!/bin/sh
changes=
case "$4" in *define) changes=yes; echo "$4" >> {folder}/calls ;; esac
cut=$(cat {folder}/cut 2>/dev/null)
count=$(wc -l < {folder}/calls)
lost() {{ rm {folder}/cut; kill -9 $PPID; exit 1; }}
[ "$changes$cut" = "yes$count before" ] && lost
{folder}/virsh "$@" || exit
[ "$changes$cut" = "yes$count after" ] && lost
exit 0
"""


class VirshHost:
    """One of them: its folder, its virsh, and the process on it."""

    def __init__(self, folder: pathlib.Path, name: str) -> None:
        self.virsh, self.folder, self._name = Virsh(folder), folder, name
        self._process = None
        for part in ('bin', 'run', 'etc'):
            (folder / part).mkdir()
        (folder / 'calls').touch()
        self.virsh.script(folder / 'virsh')
        script = folder / 'bin/virsh'
        script.write_text(_VIRSH.format(folder=folder))
        script.chmod(0o755)
        self.legacy = folder / f'nova/instances/{OFF}/libvirt.xml'
        self.legacy.parent.mkdir(parents=True)
        conf = f'state_path = {folder}/nova\nmy_ip = 127.0.0.1\n'
        (folder / 'etc/nova.conf').write_text('[DEFAULT]\n' + conf)

    def cut_at(self, change: int, when: str) -> None:
        """Lose the power ``before`` or ``after`` the n-th change of virsh."""
        (self.folder / 'cut').write_text(f'{change} {when}')

    def was_cut(self) -> bool:
        """Whether it lost its power where it was to."""
        return not (self.folder / 'cut').exists()

    def changes(self) -> list[str]:
        """What virsh was asked to change."""
        return (self.folder / 'calls').read_text().splitlines()

    def kept(self) -> set[str]:
        """What was kept of what was there before."""
        found = self.folder.glob('kept/domains/*')
        return {file.read_text().strip() for file in found}

    def ask(self, op, args, timeout):
        return self._link().ask(op, args, timeout=timeout)

    def end(self) -> None:
        """Our program there dies at once."""
        if self._process is not None:
            self._process.process.send_signal(signal.SIGKILL)
            self._process.end()
            self._process = None

    def _link(self) -> Link:
        if self._process is not None and not self._process.is_open:
            self.end()
        if self._process is None:
            settled = _SETTLED.format(folder=str(self.folder))
            self._process = local_agent.start(more=settled)
            self._talk = Link(Who(self._name, 'ops'), self._process)
        return self._talk


class VirshHosts:
    """Host a, where the server lives, and b, where it is left over.

    :ivar fuse: is called before every request, and after what changes things
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.fuse = lambda: None
        self.hosts = {}
        for name in 'ab':
            (folder / name).mkdir(parents=True)
            self.hosts[name] = VirshHost(folder / name, name)
        self.a, self.b = self.hosts.values()
        self.wrong = domain_xml('10.9.9.9', filter='clean', dhcp='10.9.9.9')
        self.a.virsh.add(OFF, SERVER.instance_name, 'running', self.wrong)
        self.a.legacy.write_text(self.wrong)
        self.b.virsh.add(OFF, SERVER.instance_name, 'shut off', self.wrong)
        self.b.virsh.filter('leaf', uuid=_UUIDS[0])
        self.b.virsh.filter('clean', 'leaf', uuid=_UUIDS[1])

    def end(self) -> None:
        for host in self.hosts.values():
            host.end()

    # As a gateway asks

    def ask(self, host, op, args, *, timeout, tell=None):
        self.fuse()
        answer = self.hosts[host].ask(op, args, timeout)
        # After a look all is as it was before it.
        if op in _CHANGING:
            self.fuse()
        return answer

    def each(self, names, op, args, *, timeout, tell=None):
        for name in names:
            try:
                yield name, self.ask(name, op, args, timeout=timeout)
            except errors.HostError as exc:
                yield name, exc

    # As nova tells

    def server(self, name):
        return SERVER

    def compute_service(self, host):
        return Service('7', host, up=True)
