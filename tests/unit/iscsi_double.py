# SPDX-License-Identifier: Apache-2.0
"""A host's iSCSI as a folder: see ``iscsi_program``."""

import json
import pathlib
import sys

from tests.unit import iscsi_program

PROGRAMS = ('iscsiadm', 'pvscan', 'pvs', 'lvs', 'vgchange', 'udevadm')
PORTAL, OTHER = '10.77.0.11:3260', '10.77.0.12:3260'
A, B = 'iqn.2010-10.org.openstack:volume-a', 'iqn.2010-10.org.openstack:vol-b'


class Iscsi:
    """The folder; targets are offered at portals, and logged in to."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        for part in ('sys/class/iscsi_session', 'nodes', 'bin'):
            (folder / part).mkdir(parents=True)
        (folder / 'count').write_text('0')
        (folder / 'calls').touch()
        (folder / 'boot_id').write_text('boot-1\n')
        self._write('targets.json', {})
        self._write('groups.json', {})
        for name in PROGRAMS:
            self.script(folder / 'bin' / name, name)

    def script(self, path: pathlib.Path, name: str) -> None:
        path.write_text(
            f'#!/bin/sh\nexec {sys.executable} -IS {iscsi_program.__file__} '
            f'{self.folder} {name} "$@"\n'
        )
        path.chmod(0o755)

    def offer(self, target: str, *portals: str, luns=(1,), **more) -> None:
        """Have a target at portals."""
        known = self._read('targets.json')
        known[target] = {'portals': portals, 'luns': luns, **more}
        self._write('targets.json', known)

    def group(self, name: str, target: str, **more) -> None:
        """Have a volume group on the disk of a target, not active yet."""
        known = self._read('groups.json')
        known[name] = {'target': target, 'active': False, **more}
        self._write('groups.json', known)

    def is_active(self, name: str) -> bool:
        return self._read('groups.json')[name]['active']

    def open(self, target: str, portal: str = PORTAL) -> int:
        """Log in, as somebody did before; the session's number."""
        luns = self._read('targets.json')[target]['luns']
        iscsi_program.add(self.folder, target, portal, luns)
        return iscsi_program.every(self.folder)[-1]

    def record(self, target: str, portal: str, text: str) -> pathlib.Path:
        """Have open-iscsi remember a target."""
        path = iscsi_program.record(self.folder, target, portal)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def sessions(self) -> list[int]:
        return iscsi_program.every(self.folder)

    def has(self, target: str, portal: str = PORTAL) -> bool:
        return bool(iscsi_program.sessions(self.folder, target, portal))

    def calls(self, *words: str) -> list[str]:
        """What was asked for that has all of these words."""
        lines = (self.folder / 'calls').read_text().splitlines()
        return [li for li in lines if set(words) <= set(li.split())]

    def boot(self) -> None:
        """Lose the power and come back: no session, new numbers."""
        iscsi_program.log_out(self.folder, None)
        (self.folder / 'count').write_text('0')
        boot = self.folder / 'boot_id'
        boot.write_text(boot.read_text().strip() + '+\n')
        groups = self._read('groups.json')
        self._write(
            'groups.json',
            {n: {**g, 'active': False} for n, g in groups.items()},
        )

    def _read(self, name):
        return json.loads((self.folder / name).read_text())

    def _write(self, name, data):
        (self.folder / name).write_text(json.dumps(data))


# What makes the program that is sent to hosts see such a folder.
SETTLED = """
from osc_recover.agent import hello, run
from osc_recover.agent.state import nodes, sessions
run.PATH = {folder!r} + '/bin:' + run.PATH
sessions.SYS, nodes.FOLDERS = {folder!r} + '/sys', ({folder!r} + '/nodes',)
hello._BOOT_ID = {folder!r} + '/boot_id'
"""
