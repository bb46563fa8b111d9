# SPDX-License-Identifier: Apache-2.0
"""Volumes attached again: in order, each once, or not at all."""

import pytest

from tests import practice as lib

pytestmark = pytest.mark.functional


class Bed:
    """Two servers with data volumes, in the order of their devices."""

    def __init__(self, cloud, folder):
        self.cloud, self.folder = cloud, folder
        self.clouds = lib.write_clouds(
            folder, snapshots=str(folder / 'snapshots')
        )
        self.web, self.db = cloud.boot(['web', 'db'], 'cmp1')
        [self.root] = cloud.boot(['root'], 'cmp2', volume=True)
        self.of = {
            self.web: [cloud.add_volume(self.web, f'w{n}') for n in range(3)],
            self.db: [cloud.add_volume(self.db, 'd0')],
        }

    def recover(self, *words):
        return lib.recover(self.clouds, *words)

    def attach(self, *words):
        return self.recover('volume', 'attach', *words)

    def devices(self, server):
        found = self.cloud.call(
            'GET', f'/servers/{server}/os-volume_attachments', version='2.79'
        )['volumeAttachments']
        return {one['volumeId']: one for one in found}

    def detach(self, server):
        """Take its data volumes away, as the guide's clean step ends."""
        storage = self.cloud.sdk.block_storage
        for volume in self.of[server]:
            if volume not in self.devices(server):
                continue
            path = f'/servers/{server}/os-volume_attachments/{volume}'
            self.cloud.call('DELETE', path)
            self.cloud.until(
                lambda v=volume: storage.get_volume(v).status == 'available',
                'detached',
            )

    def file(self, *lines):
        path = self.folder / 'volumes.txt'
        path.write_text('\n'.join(lines) + '\n')
        return str(path)


@pytest.fixture(scope='module')
def bed(clean, tmp_path_factory):
    return Bed(clean, tmp_path_factory.mktemp('attach'))


@pytest.fixture
def whole(bed):
    """Every server has its volumes before and after."""
    yield bed
    missing = [
        f'{volume} {server} {device}'
        for server, volumes in bed.of.items()
        for volume, device in zip(
            volumes, ('/dev/vdb', '/dev/vdc', '/dev/vdd'), strict=False
        )
        if volume not in bed.devices(server)
    ]
    if missing:
        assert bed.attach('--file', bed.file(*missing), '--yes').status == 0


def test_a_file_is_attached_in_the_order_of_its_devices(whole):
    before = whole.devices(whole.web)
    whole.detach(whole.web)
    a, b, c = whole.of[whole.web]
    done = whole.attach(
        '--file',
        whole.file(
            '# of the guide', '', f'{c} {whole.web} /dev/vdd',
            f'w0 web {before[a]["device"]}', f'{b}  web /dev/vdc',
        ),
        '--yes',
    )  # fmt: skip
    assert done.status == 0, done
    [row] = done.rows
    assert (row['Server'], row['State']) == (whole.web, 'done')
    assert row['Kind'] == '3 of 3 volumes'
    after = whole.devices(whole.web)
    assert {v: one['device'] for v, one in after.items()} == {
        v: one['device'] for v, one in before.items()
    }


def test_a_snapshot_keeps_what_is_deleted_with_the_server(whole):
    saved = whole.recover('snapshot', 'save', '--name', 'kept')
    assert saved.status == 0, saved
    before = whole.devices(whole.db)
    whole.detach(whole.db)
    done = whole.attach('--snapshot', 'kept', '--yes')
    assert done.status == 0, done
    states = {row['Name']: row['Verdict'] for row in done.rows}
    assert states == {'web': 'ok', 'db': 'attach'}
    [was], [now] = before.values(), whole.devices(whole.db).values()
    assert now['delete_on_termination'] is was['delete_on_termination'] is True
    again = whole.attach('--snapshot', 'kept', '--server', 'db', '--yes')
    assert (again.status, len(again.rows)) == (0, 1), again
    assert 'every server has its volumes' in again.stderr


def test_a_dry_run_is_kept_and_started_once(whole):
    whole.detach(whole.db)
    [volume] = whole.of[whole.db]
    made = whole.attach('--file', whole.file(f'{volume} db'), '--dry-run')
    assert made.status == 0, made
    assert whole.devices(whole.db) == {}
    [run] = [
        row['Run']
        for row in whole.recover('run', 'list').rows
        if row['State'] == 'planned'
    ]
    done = whole.recover('run', 'start', run, '--yes')
    assert done.status == 0, done
    assert list(whole.devices(whole.db)) == [volume]
    assert whole.recover('run', 'start', run, '--yes').status == 3


def test_one_volume_that_cannot_be_keeps_back_the_others(whole):
    whole.detach(whole.web)
    a, b, c = whole.of[whole.web]
    storage = whole.cloud.sdk.block_storage
    storage.reset_volume_status(b, status='error')
    try:
        done = whole.attach(
            '--file', whole.file(*(f'{v} web' for v in (a, b, c))), '--yes'
        )
    finally:
        storage.reset_volume_status(b, status='available')
    assert done.status == 3, done
    [row] = done.rows
    assert row['Verdict'] == 'volume-not-free'
    assert f'{b} is error' in row['Reason']
    assert 'none of its volumes is attached' in row['Reason']
    assert whole.devices(whole.web) == {}


def test_what_is_gone_meanwhile_is_a_row(whole):
    gone = '00000000-0000-4000-8000-000000000000'
    [volume] = whole.of[whole.db]
    done = whole.attach(
        '--file', whole.file(f'{gone} db', f'{volume} {gone}'), '--yes'
    )
    assert done.status == 3, done
    assert {row['Verdict'] for row in done.rows} == {'no-volume', 'no-server'}
    assert all(row['Way out'] for row in done.rows)


def test_a_root_volume_is_refused(whole):
    [root] = whole.devices(whole.root)
    device = whole.devices(whole.root)[root]['device']
    mapped = lib.database('nova')
    hide = (
        'UPDATE block_device_mapping SET deleted=id '
        'WHERE volume_id=%s AND deleted=0'
    )
    back = 'UPDATE block_device_mapping SET deleted=0 WHERE volume_id=%s'
    with mapped, mapped.cursor() as cursor:
        cursor.execute(hide, [root])
        try:
            for line in (f'{root} root', f'{root} root {device}'):
                done = whole.attach('--file', whole.file(line), '--yes')
                assert done.status == 3, done
                [row] = done.rows
                assert row['Verdict'] == 'root-volume'
        finally:
            cursor.execute(back, [root])


def test_a_host_that_is_down_gets_none(whole):
    whole.detach(whole.db)
    [volume] = whole.of[whole.db]
    whole.cloud.put_service('cmp1', forced_down=True)
    try:
        done = whole.attach('--file', whole.file(f'{volume} db'), '--yes')
    finally:
        whole.cloud.put_service('cmp1', forced_down=False)
    assert (done.status, done.rows[0]['Verdict']) == (3, 'host-down')


@pytest.mark.parametrize(
    'lines, said',
    [
        (['one'], 'line 1: 1 words'),
        (['a b /dev/vdb c'], 'line 1: 4 words'),
        (['a b vdb'], "line 1: 'vdb' is no device"),
        (['a b $(reboot)'], 'is no device'),
        (['a b', '', '# x', 'a b /dev/vdc'], 'line 4: the volume and server'),
        (['a b /dev/vdb', 'c b /dev/vdb'], 'line 2: the server and device'),
        (['# nothing'], 'has no line'),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_done(bed, lines, said):
    done = bed.attach('--file', bed.file(*lines), '--yes')
    assert done.status == 3, done
    [row] = done.rows
    assert said in row['Reason']


def test_a_file_that_is_no_text_or_not_there_is_refused(bed):
    path = bed.folder / 'binary'
    path.write_bytes(b'\xff\xfe\x00')
    for name in (path, bed.folder / 'none'):
        done = bed.attach('--file', str(name), '--yes')
        assert (done.status, len(done.rows)) == (3, 1)
        assert 'cannot be read' in done.rows[0]['Reason']
