# SPDX-License-Identifier: Apache-2.0
"""Two hosts with our real program, and an open-iscsi that is a folder.

On each of them runs a process of its own; its programs are those of
``tests.unit.iscsi_program``, and it can lose the host's power.
"""

import itertools
import pathlib
import signal

from osc_recover import errors
from osc_recover.facts import Server
from osc_recover.facts.audit import StorageService
from osc_recover.gateways.ssh.link import Link, Who
from tests.unit import local_agent
from tests.unit.iscsi_double import SETTLED, Iscsi

# Counts what changes something, and ends the host before or after it.
_CHANGING = """#!/bin/sh
changes=
case "{name} $*" in
    *-u|*new|*--login|vgchange*) changes=yes; echo >> {folder}/changes ;;
esac
cut=$(cat {folder}/cut 2>/dev/null)
count=$(wc -l < {folder}/changes)
lost() {{ rm {folder}/cut; kill -9 $PPID; exit 1; }}
[ "$changes$cut" = "yes$count before" ] && lost
{folder}/real/{name} "$@" || exit
[ "$changes$cut" = "yes$count after" ] && lost
exit 0
"""
CHANGES = ('sessions.open', 'sessions.close', 'groups.activate')


class IscsiHost:
    """One of them: its folder, and the process on it."""

    def __init__(self, folder: pathlib.Path, name: str) -> None:
        self.iscsi, self.folder, self._name = Iscsi(folder), folder, name
        self._process = None
        (folder / 'real').mkdir()
        (folder / 'changes').touch()
        for program in ('iscsiadm', 'vgchange'):
            self.iscsi.script(folder / 'real' / program, program)
            script = folder / 'bin' / program
            script.write_text(_CHANGING.format(folder=folder, name=program))

    def cut_at(self, change: int, when: str) -> None:
        """Lose the power ``before`` or ``after`` the n-th change."""
        (self.folder / 'cut').write_text(f'{change} {when}')

    def was_cut(self) -> bool:
        """Whether it lost its power where it was to."""
        return not (self.folder / 'cut').exists()

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
            settled = SETTLED.format(folder=str(self.folder))
            self._process = local_agent.start(more=settled)
            self._talk = Link(Who(self._name, 'ops'), self._process)
        return self._talk


class IscsiHosts:
    """Host cmp1, and the volume server san.

    :ivar fuse: is called before every request, and after what changes things
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.fuse = lambda: None
        self.hosts = {}
        for name in ('cmp1', 'san'):
            (folder / name).mkdir(parents=True)
            self.hosts[name] = IscsiHost(folder / name, name)
        self.cmp1, self.san = self.hosts.values()
        self._beats = itertools.count()

    def end(self) -> None:
        for host in self.hosts.values():
            host.end()

    # As a gateway asks

    def ask(self, host, op, args, *, timeout, tell=None):
        self.fuse()
        answer = self.hosts[host].ask(op, args, timeout)
        # After a look all is as it was before it.
        if op in CHANGES:
            self.fuse()
        return answer

    def each(self, names, op, args, *, timeout, tell=None):
        for name in names:
            try:
                yield name, self.ask(name, op, args, timeout=timeout)
            except errors.HostError as exc:
                yield name, exc

    # As nova and cinder tell

    servers = (Server('web-id', 'web', 'cmp1'),)

    def storage(self):
        beat = str(next(self._beats))
        return (StorageService('san@lvm', updated_at=beat),)
