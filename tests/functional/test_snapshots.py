# SPDX-License-Identifier: Apache-2.0
"""Snapshots of the practice cloud: kept, compared, refused, removed."""

import json
import pathlib
import stat

import pytest

from tests import practice as lib
from tests.cloud import lab
from tests.unit import sshd

pytestmark = pytest.mark.functional

COLUMNS = json.loads(
    (pathlib.Path(__file__).parents[1] / 'golden/columns.json').read_text()
)
STORAGE = 'practice'  # the host of its cinder-volume


class Bed:
    """The cloud, with a server of a volume, and one with two data volumes.

    :ivar folder: where the snapshots are
    """

    def __init__(self, cloud, folder, machine):
        self.cloud, self.folder = cloud, folder
        self.plain = self._clouds('plain')
        self.whole = self._clouds(
            'whole',
            database=lib.database_urls(),
            **machine.section([*lab.HOSTS, STORAGE]),
        )
        [self.web] = cloud.boot(['web'], 'cmp1', volume=True)
        [self.db] = cloud.boot(['db'], 'cmp2')
        self.volumes = [cloud.add_volume(self.db, n) for n in ('one', 'two')]

    def _clouds(self, name, **recover):
        where = self.folder / name
        where.mkdir()
        kept = str(self.folder / 'snapshots')
        return lib.write_clouds(where, snapshots=kept, **recover)

    def snapshot(self, *words, whole=False):
        clouds = self.whole if whole else self.plain
        return lib.recover(clouds, 'snapshot', *words)

    def save(self, *words, whole=False):
        done = self.snapshot('save', *words, whole=whole)
        assert done.status == 0, done
        return done.rows[0]['Snapshot']

    def diff(self, *words, whole=False):
        done = self.snapshot('diff', *words, whole=whole)
        rows = {(row['Kind'], row['Code']) for row in done.rows}
        return done, rows

    def settled(self, name):
        """A moment in which nothing but times is not as it was kept."""
        self.cloud.until(
            lambda: {kind for kind, _ in self.diff(name)[1]} <= {'id', 'time'},
            'all as it was',
        )


@pytest.fixture(scope='module')
def bed(clean, tmp_path_factory):
    folder = tmp_path_factory.mktemp('snapshots')
    with sshd.running(tmp_path_factory.mktemp('sshd')) as machine:
        yield Bed(clean, folder, machine)


def test_all_of_the_cloud_and_its_hosts_is_kept(bed):
    done = bed.snapshot('save', '--name', 'whole', whole=True)
    told = {row['Part']: row for row in done.rows}
    counts = {part: told[part]['Count'] for part in told}
    assert list(done.rows[0]) == COLUMNS['snapshot save']
    assert counts['servers'] == counts['allocations'] == counts['ports'] == 2
    assert counts['volumes'] == counts['attachments'] == 3
    assert counts['mappings'] == 4
    assert counts['hosts'] == len(lab.HOSTS) + 1
    assert counts['volumes without a backup'] == 3
    assert ' requests: cinder ' in done.stderr


def test_it_shows_the_order_and_the_root_of_volumes(bed):
    bed.save('--name', 'order', whole=True)
    done = bed.snapshot('show', 'order', '--long', whole=True)
    assert (done.status, list(done.rows[0])) == (0, COLUMNS['snapshot show'])
    rows = [row for row in done.rows if row['Kind'] == 'attachment']
    of_db = [row for row in rows if row['Name'].endswith(' of db')]
    assert [row['Name'] for row in of_db] == ['one of db', 'two of db']
    assert 'iscsi iqn.' in of_db[0]['Detail']
    [root] = [row for row in rows if row['Name'].endswith(' of web')]
    assert 'boot index 0' in root['Detail']
    kinds = {row['Kind'] for row in done.rows}
    assert {'host', 'mount', 'mapping', 'port', 'allocation'} <= kinds


def test_without_a_database_the_root_is_known_by_its_device(bed):
    bed.save('--name', 'device', '--no-agent')
    rows = bed.snapshot('show', 'device', '--long').rows
    told = [row['Detail'] for row in rows if row['Name'].endswith(' of web')]
    assert any('boot index 0' in detail for detail in told)


def test_passwords_are_nowhere(bed):
    name = bed.save(whole=True)
    files = (bed.folder / 'snapshots' / name).iterdir()
    text = ''.join(path.read_text() for path in files)
    assert 'auth_password' not in text
    assert 'mysql+pymysql' not in text


def test_right_after_it_nothing_has_changed(bed):
    name = bed.save(whole=True)
    _, rows = bed.diff(name, whole=True)
    # This machine plays the hosts, and others mount on it, too.
    of_hosts = {('change', 'mount-new'), ('change', 'mount-gone')}
    assert {kind for kind, _ in rows - of_hosts} <= {'time'}
    first = bed.save('--no-agent')
    done, _ = bed.diff(name, first, whole=True)
    assert 'not compared: hosts' in done.stderr
    assert done.status == 0, done


def test_a_server_that_is_stopped_is_said_in_words(bed):
    name = bed.save()
    bed.cloud.stop(bed.db)
    try:
        done, rows = bed.diff(name)
        assert done.status == 1
        assert ('change', 'server-status') in rows
        [row] = [r for r in done.rows if r['Code'] == 'server-status']
        assert (row['Before'], row['After']) == ('ACTIVE', 'SHUTOFF')
        assert row['What'] == 'server db: its status is another'
    finally:
        bed.cloud.action(bed.db, **{'os-start': None})
        bed.cloud.wait(bed.db, 'ACTIVE')
    bed.settled(name)


def test_a_volume_that_is_attached_anew_has_another_id_and_no_more(bed):
    name = bed.save()
    path = f'/servers/{bed.db}/os-volume_attachments'
    storage = bed.cloud.sdk.block_storage
    last = bed.volumes[-1]
    bed.cloud.call('DELETE', f'{path}/{last}')
    bed.cloud.until(
        lambda: storage.get_volume(last).status == 'available', 'detached'
    )
    done, rows = bed.diff(name)
    assert done.status == 1
    assert {('change', 'attachment-gone'), ('change', 'volume-status')} <= rows
    body = {'volumeId': last, 'delete_on_termination': True}
    bed.cloud.call('POST', path, {'volumeAttachment': body})
    bed.settled(name)
    done, rows = bed.diff(name)
    assert done.status == 0, done
    assert {('id', 'attachment-id'), ('id', 'attachment-mapping')} <= rows


def test_a_snapshot_that_was_edited_is_refused_and_can_be_deleted(bed):
    name = bed.save()
    path = bed.folder / 'snapshots' / name / 'servers.json'
    path.write_text(path.read_text().replace('cmp1', 'cmp3'))
    for words in (('show', name), ('diff', name)):
        done = bed.snapshot(*words)
        assert (done.status, len(done.rows)) == (3, 1)
        assert 'SHA-256' in json.dumps(done.rows)
        assert f'snapshot delete {name}' in json.dumps(done.rows)
    assert bed.snapshot('delete', name).status == 3
    done = bed.snapshot('delete', name, '--yes')
    assert (done.status, done.rows[0]['State']) == (0, 'deleted')
    assert bed.snapshot('show', name).status == 3


def test_databases_are_dumped_whole_and_without_a_password(bed):
    done = bed.snapshot('save', '--dump', '--name', 'dumped', whole=True)
    assert done.status == 0, done
    told = {row['Part'] for row in done.rows}
    names = ('nova_api', 'cell0', 'cell1', 'cinder')
    assert {f'dump of {name}' for name in names} <= told
    folder = bed.folder / 'snapshots' / done.rows[0]['Snapshot']
    text = (folder / 'dump-cell1.sql').read_text()
    assert 'CREATE TABLE `block_device_mapping`' in text
    assert bed.db in text
    assert stat.S_IMODE((folder / 'dump-cinder.sql').stat().st_mode) == 0o600
    assert bed.snapshot('show', 'dumped', whole=True).status == 0


def test_a_database_of_another_name_is_dumped_or_says_why_not(bed):
    words = ('save', '--dump', 'neutron', 'none-such')
    done = bed.snapshot(*words, whole=True)
    assert done.status == 1
    told = {row['Part']: row['State'] for row in done.rows}
    assert told['dump of neutron'] == 'saved'
    assert told['dump of none-such'] == 'unknown'


def test_snapshots_are_listed(bed):
    name = bed.save('--name', 'listed')
    done = bed.snapshot('list')
    assert (done.status, list(done.rows[0])) == (0, COLUMNS['snapshot list'])
    [row] = [row for row in done.rows if row['Snapshot'] == name]
    assert (row['Name'], row['Servers'], row['State']) == (
        'listed', 2, 'whole',
    )  # fmt: skip


def test_a_database_that_does_not_answer_is_a_row_and_the_rest_is_kept(bed):
    where = bed.folder / 'mute'
    where.mkdir()
    clouds = lib.write_clouds(
        where,
        database=lib.database_urls(nova_api='mysql+pymysql://x@[::1]:1/x'),
    )
    done = lib.recover(clouds, 'snapshot', 'save')
    assert done.status == 1
    [row] = [row for row in done.rows if row['State'] == 'unknown']
    assert row['Part'] == 'mappings'
    assert row['Way out']
