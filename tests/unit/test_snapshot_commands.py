# SPDX-License-Identifier: Apache-2.0
"""recover snapshot: save, list, show, diff and delete, over real requests."""

import contextlib
import io
import os
import sys
import types

import pytest

from osc_recover import errors
from osc_recover.commands import snapshot as commands
from osc_recover.gateways.database import Databases
from osc_recover.gateways.database.sources import Sources
from osc_recover.recovery.dumps import Dumps
from osc_recover.recovery.snapshots import SnapshotsOfCloud
from osc_recover.settings import DatabaseSettings, Settings, SshSettings
from tests.unit import crooked_cloud
from tests.unit.crooked_cloud import DB, WEB
from tests.unit.test_observe_snapshot import Whole


class Bed:
    """A cloud, and our commands on it.

    :ivar said: what the last command told on stderr
    """

    def __init__(self, whole, cloud, folder, capsys):
        self.whole = whole
        self._capsys = capsys
        settings = Settings(snapshots=folder)
        self.snapshots = SnapshotsOfCloud(cloud, settings)
        recover = types.SimpleNamespace(snapshots=self.snapshots)
        self._app = types.SimpleNamespace(
            options=types.SimpleNamespace(),
            client_manager=types.SimpleNamespace(recover=recover),
        )
        self.status, self.said = 0, ''

    def run(self, kind, *words):
        """The rows, by column; a refusal is raised."""
        made = kind(self._app, None)
        parsed = made.get_parser('x').parse_args(words)
        try:
            found = [*made.rows(parsed)]
        finally:
            self.said = self._capsys.readouterr().err
        self.status = made.status
        return [dict(zip(made.columns, row, strict=True)) for row in found]

    def save(self, *words):
        rows = self.run(commands.SaveSnapshot, *words)
        return rows[0]['Snapshot'], rows

    def diff(self, *words):
        rows = self.run(commands.DiffSnapshot, *words)
        return [(row['Kind'], row['Code'], row['ID']) for row in rows]


@pytest.fixture
def bed(tmp_path, capsys):
    whole = Whole()
    with contextlib.ExitStack() as stack:
        _, cloud = stack.enter_context(crooked_cloud.cloud(whole))
        yield Bed(whole, cloud, tmp_path / 'snapshots', capsys)


def test_what_was_kept_is_told(bed, tmp_path):
    name, rows = bed.save('--name', 'before')
    told = {row['Part']: row for row in rows}
    assert (told['servers']['Count'], told['servers']['State']) == (4, 'saved')
    assert told['hosts']['State'] == 'left-out'
    assert 'boot ids' in told['hosts']['Way out']
    assert bed.status == 0
    assert f'snapshot {name} is in {tmp_path}' in bed.said
    assert '15 requests: cinder 7, neutron 1, nova 4, placement 3' in bed.said


def test_without_the_agent_it_says_so(bed):
    _, rows = bed.save('--no-agent')
    [row] = [row for row in rows if row['Part'] == 'hosts']
    assert '--no-agent' in row['Reason']


def test_a_part_that_could_not_be_asked_fails_and_the_rest_is_kept(bed):
    bed.whole.down = ('/network/v2.0/ports',)
    name, rows = bed.save()
    assert bed.status == 1
    assert rows[-1]['State'] == 'unknown'
    assert bed.run(commands.ShowSnapshot, name)


def test_a_name_is_refused_before_anything_is_asked(bed):
    bed.save('--name', 'before')
    bed.whole.down = ('/compute/v2.1/servers',)
    with pytest.raises(errors.Refused, match='already'):
        bed.save('--name', 'before')


def test_a_dump_wants_to_know_where_the_databases_are(bed, tmp_path):
    with pytest.raises(errors.Refused, match='--dump asks for') as caught:
        bed.save('--dump')
    assert 'recover: database' in caught.value.way_out
    assert not (tmp_path / 'snapshots').exists()


@pytest.mark.parametrize('name', ['../nova', '-x', 'a b', ''])
def test_a_name_that_no_database_has_is_refused(name):
    databases = Databases(Sources(DatabaseSettings(), SshSettings()))
    with pytest.raises(errors.Refused, match='no database is called'):
        Dumps(databases, [name])


def test_databases_that_do_not_answer_are_a_row(tmp_path):
    told = DatabaseSettings(nova_api='mysql+pymysql://u:horse@[::1]:1/x')
    dumps = Dumps(Databases(Sources(told, SshSettings())), [])
    dumps.write(tmp_path)
    [part] = dumps.parts
    assert (part.part, part.state) == ('dumps', 'unknown')
    assert 'horse' not in f'{part}'
    assert not [*tmp_path.iterdir()]


def test_snapshots_are_listed_with_what_is_in_them(bed, tmp_path):
    name, _ = bed.save('--name', 'before')
    broken, _ = bed.save()
    os.unlink(tmp_path / 'snapshots' / broken / 'ports.json')
    other, _ = bed.save()
    (tmp_path / 'snapshots' / other / 'manifest.json').write_text('{}')
    rows = {row['Snapshot']: row for row in bed.run(commands.ListSnapshots)}
    assert (rows[name]['Name'], rows[name]['Servers']) == ('before', 4)
    assert rows[name]['State'] == 'whole'
    assert 'ports.json' in rows[broken]['Note']
    assert rows[other]['State'] == 'damaged'
    assert bed.status == 1


def test_the_newest_may_be_one_that_does_not_tell_when_it_was_made(
    bed, tmp_path
):
    """An older one would have a recovery begin with a state long gone."""
    assert bed.snapshots.newest() == ''
    name, _ = bed.save()
    assert bed.snapshots.newest() == name
    later, _ = bed.save()
    (tmp_path / 'snapshots' / later / 'manifest.json').write_text('{')
    with pytest.raises(errors.SnapshotDamaged, match=later) as caught:
        bed.snapshots.newest()
    assert f'snapshot delete {later}' in caught.value.way_out


def test_a_snapshot_is_shown_and_more_of_it_on_request(bed):
    name, _ = bed.save()
    short = bed.run(commands.ShowSnapshot, name[:5])
    long = bed.run(commands.ShowSnapshot, name, '--long')
    assert {row['Kind'] for row in short} == {'server', 'volume', 'part'}
    assert {'attachment', 'port', 'allocation'} <= {r['Kind'] for r in long}
    [web] = [row for row in short if row['ID'] == WEB]
    assert web['Detail'] == 'running, powering-off, 0 volumes'


def test_a_snapshot_that_was_copied_is_shown_by_its_path(
    bed, tmp_path, monkeypatch
):
    name, _ = bed.save()
    (tmp_path / 'snapshots').rename(tmp_path / 'copied')
    monkeypatch.chdir(tmp_path)
    assert bed.run(commands.ShowSnapshot, f'copied/{name}')
    whole = bed.snapshots.lasting(f'copied/{name}')
    assert whole == f'{tmp_path}/copied/{name}'
    assert bed.snapshots.load(whole)[0].id == name


def test_nothing_has_changed(bed):
    name, _ = bed.save()
    assert bed.diff(name) == []
    assert bed.status == 0
    assert 'nothing has changed' in bed.said
    assert 'not compared: hosts' in bed.said
    assert 'requests: ' in bed.said


def test_what_has_changed_since_is_said(bed):
    name, _ = bed.save()
    bed.whole.servers[WEB]['OS-EXT-STS:power_state'] = 4
    bed.whole.servers[DB]['updated'] = 'later'
    assert bed.diff(name) == [
        ('change', 'server-power-state', WEB),
        ('time', 'server-updated', DB),
    ]
    assert bed.status == 1


def test_a_time_alone_is_no_failure_and_two_snapshots_are_compared(bed):
    first, _ = bed.save()
    bed.whole.servers[DB]['updated'] = 'later'
    second, _ = bed.save()
    assert bed.diff(first, second) == [('time', 'server-updated', DB)]
    assert bed.status == 0
    assert 'requests' not in bed.said


def test_servers_and_volumes_deleted_since_are_said(bed):
    name, _ = bed.save()
    bed.whole.servers.pop(WEB)
    gone = next(iter(bed.whole.volumes))
    bed.whole.volumes.pop(gone)
    found = bed.diff(name)
    assert ('change', 'server-gone', WEB) in found
    assert ('change', 'volume-gone', gone) in found


# Deletion


def test_a_script_says_yes(bed):
    name, _ = bed.save()
    with pytest.raises(errors.Refused, match='--yes was not given') as caught:
        bed.run(commands.DeleteSnapshot, name)
    assert caught.value.exit_status == 3
    assert f'delete {name} --yes' in caught.value.way_out
    [row] = bed.run(commands.DeleteSnapshot, name, '--yes')
    assert (row['Snapshot'], row['State']) == (name, 'deleted')
    assert bed.run(commands.ListSnapshots) == []


def test_a_damaged_one_can_be_deleted(bed, tmp_path):
    name, _ = bed.save()
    (tmp_path / 'snapshots' / name / 'manifest.json').write_text('')
    bed.run(commands.DeleteSnapshot, name, '--yes')
    assert bed.run(commands.ListSnapshots) == []


class Terminal(io.StringIO):
    """What is typed, and what is asked."""

    def isatty(self):
        return True


@pytest.mark.parametrize('typed', ['', 'yes\n', 'x' * 8 + '\n'])
def test_on_a_terminal_the_id_is_typed(bed, monkeypatch, typed):
    name, _ = bed.save()
    monkeypatch.setattr(sys, 'stderr', Terminal())
    monkeypatch.setattr(sys, 'stdin', Terminal(typed))
    with pytest.raises(errors.Refused, match='was not deleted'):
        bed.run(commands.DeleteSnapshot, name)
    monkeypatch.setattr(sys, 'stdin', Terminal(f'{name}\n'))
    [row] = bed.run(commands.DeleteSnapshot, name)
    assert row['State'] == 'deleted'
