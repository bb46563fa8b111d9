# SPDX-License-Identifier: Apache-2.0
"""Databases that are lost, and restored by the very words of the manual."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

from tests import practice as lib
from tests.cloud import lab, paths

pytestmark = pytest.mark.functional

PAGE = pathlib.Path(__file__).parents[2] / 'doc/source/user/snapshots.rst'
NAME, FOLDER = 'before-maintenance', '~/.local/state/osc-recover/snapshots/'
DATABASES = ('nova_api', 'nova_cell0', 'nova', 'cinder')


def documented():
    """The commands of the manual's section, in their order."""
    section = PAGE.read_text().partition('Restore the databases\n')[2]
    section = re.split(r'\n=+\n', section.partition('\n')[2])[0]
    return re.findall(r'^ +\$ (.+)$', section, re.MULTILINE)


class Operator:
    """Types commands one after another, as the manual has them.

    :ivar said: what the commands of ours printed, by their first words
    """

    def __init__(self, clouds, folder, snapshot):
        self.folder, self.said = folder, {}
        self._clouds = clouds
        self._kept = str(folder / 'snapshots' / snapshot)
        self._bin = folder / 'bin'
        self._bin.mkdir()
        known = f'{paths.state()}/conf/mariadb-client.cnf'
        for program in ('mariadb', 'mariadb-dump'):
            script = self._bin / program
            script.write_text(
                f'#!/bin/sh\nexec {shutil.which(program)} '
                f'--defaults-file={known} "$@"\n'
            )
            script.chmod(0o755)

    def types(self, line):
        if line.startswith('sudo systemctl'):
            _, _, verb, *names = shlex.split(line)
            for name in names:
                {'stop': lab.stop, 'start': lab.start}[verb](name)
        elif line.startswith('openstack recover'):
            words = shlex.split(line)[2:]
            done = lib.recover(self._clouds, *words)
            self.said[' '.join(words)] = done
        elif line.startswith('cd '):
            assert line.startswith(f'cd {FOLDER}')
            self.folder = pathlib.Path(self._kept)
        else:
            self.shell(line)

    def shell(self, line):
        path = f'{self._bin}:{os.environ["PATH"]}'
        done = subprocess.run(
            ['bash', '-euc', line],
            cwd=self.folder, env={**os.environ, 'PATH': path},
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f'{line}: {done.stderr}'


class Bed:
    """A server with a volume, and one that boots from one."""

    def __init__(self, cloud, folder):
        self.cloud = cloud
        kept = {'snapshots': str(folder / 'snapshots')}
        self.clouds = lib.write_clouds(
            folder, database=lib.database_urls(), **kept
        )
        [self.web] = cloud.boot(['web'], 'cmp1', volume=True)
        [self.db] = cloud.boot(['db'], 'cmp2')
        cloud.add_volume(self.db, 'data')
        done = lib.recover(
            self.clouds, 'snapshot', 'save', '--dump', '--name', NAME
        )
        assert done.status == 0, done
        self.operator = Operator(self.clouds, folder, done.rows[0]['Snapshot'])

    def attached(self):
        """Server -> volume and attachment of each of its volumes."""
        found = {}
        for server in (self.web, self.db):
            path = f'/servers/{server}/os-volume_attachments'
            told = self.cloud.call('GET', path)['volumeAttachments']
            found[server] = {
                (one['volumeId'], one['attachment_id']) for one in told
            }
        return found


@pytest.fixture(scope='module')
def bed(clean, tmp_path_factory):
    return Bed(clean, tmp_path_factory.mktemp('restore'))


def test_lost_databases_are_restored_and_servers_have_their_volumes(bed):
    before, guests = bed.attached(), lab.guests()
    lines = documented()
    assert len(lines) > 12, lines
    for name in DATABASES:
        bed.operator.shell(f"mariadb -e 'DROP DATABASE {name}'")
    lost = lib.recover(bed.clouds, 'snapshot', 'diff', NAME)
    assert lost.status, lost

    for line in lines:
        bed.operator.types(line)
    shown = bed.operator.said[f'snapshot show {NAME}']
    assert shown.status == 0, shown
    for host in lab.HOSTS:
        bed.cloud.until(
            lambda host=host: bed.cloud.service(host)['state'] == 'up',
            f'{host} is up',
        )
    for server in (bed.web, bed.db):
        assert bed.cloud.server(server)['status'] == 'ACTIVE'
    assert bed.attached() == before
    assert lab.guests() == guests

    found = lib.recover(bed.clouds, 'snapshot', 'diff', NAME)
    assert {row['Kind'] for row in found.rows} <= {'id', 'time'}, found
    assert found.status == 0, found
    audited = lib.recover(bed.clouds, 'audit')
    assert not [r for r in audited.rows if r['Code'].startswith('attach')]


def test_what_was_restored_can_be_rebooted(bed):
    before = bed.attached()
    for server in (bed.web, bed.db):
        bed.cloud.action(server, reboot={'type': 'HARD'})
        bed.cloud.until(
            lambda server=server: _rests(bed.cloud.server(server)),
            'the reboot is over',
        )
    # nova drops what cinder does not know the attachment of.
    assert bed.attached() == before


def _rests(server):
    task = server['OS-EXT-STS:task_state']
    return (server['status'], task) == ('ACTIVE', None)
