# SPDX-License-Identifier: Apache-2.0
"""What is wrong with volumes is told, whatever it is; nothing is changed."""

import json
import pathlib

import pytest

from tests import practice as lib

pytestmark = pytest.mark.functional

COLUMNS = json.loads(
    (pathlib.Path(__file__).parents[1] / 'golden/columns.json').read_text()
)
GONE = '00000000-0000-4000-8000-000000000000'


class Bed:
    """A server with a data volume, and one that boots from its volume."""

    def __init__(self, cloud, folder):
        self.cloud, self.folder = cloud, folder
        self.whole = self._clouds('whole', database=lib.database_urls())
        self.plain = self._clouds('plain')
        [self.web] = cloud.boot(['web'], 'cmp1')
        [self.root] = cloud.boot(['root'], 'cmp2', volume=True)
        self.data = cloud.add_volume(self.web, 'data')
        self.more = cloud.add_volume(self.root, 'more')
        storage = cloud.sdk.block_storage
        self.disk = next(
            v.id
            for v in storage.volumes(all_projects=True)
            if any(a['server_id'] == self.root for a in v.attachments)
            and v.id != self.more
        )

    def _clouds(self, name, **recover):
        where = self.folder / name
        where.mkdir()
        return lib.write_clouds(where, **recover)

    def check(self, *words, clouds=None):
        return lib.recover(clouds or self.whole, 'volume', 'check', *words)

    def repair(self, *words):
        return lib.recover(self.whole, 'volume', 'repair', *words)

    def states(self, *words, clouds=None):
        done = self.check(*words, clouds=clouds)
        assert done.status in (0, 1), done
        return {row['Volume']: row['State'] for row in done.rows}

    def until(self, wanted, *words):
        """The services' own clocks must have passed what was changed."""
        self.cloud.until(lambda: self.states(*words) == wanted, f'{wanted}')

    def act(self, volume, **action):
        answer = self.cloud.sdk.block_storage.post(
            f'/volumes/{volume}/action', json=action, microversion='3.44'
        )
        assert answer.status_code == 202, answer.text


@pytest.fixture(scope='module')
def bed(clean, tmp_path_factory):
    return Bed(clean, tmp_path_factory.mktemp('volumes'))


def test_a_whole_cloud_is_intact(bed):
    bed.cloud.until(lambda: bed.states() == {}, 'nothing is wrong')
    done = bed.check('--all')
    assert done.status == 0, done
    assert list(done.rows[0]) == COLUMNS['volume check']
    assert {row['State'] for row in done.rows} == {'intact'}
    assert len(done.rows) == 3
    of_web = bed.states('--server', 'web', '--all')
    assert of_web == {bed.data: 'intact'}
    assert set(bed.states('--host', 'cmp2', '--all')) == {bed.disk, bed.more}
    assert bed.states('data') == {bed.data: 'intact'}


def test_without_the_databases_it_says_what_is_not_known(bed):
    done = bed.check(clouds=bed.plain)
    assert done.status == 0, done
    assert 'mappings that it has dropped' in done.stderr
    assert 'mappings that it has dropped' not in bed.check().stderr


@pytest.mark.parametrize(
    'name', [GONE, "x' OR 1=1 --", 'f' * 300, '$(reboot)', 'a\nb', '%']
)
def test_a_volume_that_is_none_is_unknown(bed, name):
    done = bed.check(name)
    assert done.status == 1, done
    assert [row['State'] for row in done.rows] == ['unknown']


def test_a_server_that_is_none_is_refused(bed):
    done = bed.check('--server', 'nobody')
    assert (done.status, len(done.rows)) == (3, 1), done


def test_what_failed_to_be_exported_is_stale(bed):
    storage = bed.cloud.sdk.block_storage
    storage.reset_volume_status(bed.data, status='error')
    try:
        bed.until({bed.data: 'stale-target'}, 'data')
        done = lib.recover(
            bed.whole, 'audit', '--min-age', '0', '--fix', 'volume-error',
            '--yes',
        )  # fmt: skip
        assert done.status == 0, done
        assert storage.get_volume(bed.data).status == 'in-use'
        bed.until({bed.data: 'intact'}, 'data')
    finally:
        storage.reset_volume_status(bed.data, status='in-use')


def test_one_that_cinder_is_at_is_left_alone(bed):
    storage = bed.cloud.sdk.block_storage
    storage.reset_volume_status(bed.data, status='maintenance')
    try:
        bed.until({bed.data: 'busy'}, 'data')
        done = bed.repair('data', '--yes')
        assert (done.status, len(done.rows)) == (3, 1), done
        assert done.rows[0]['Verdict'] == 'busy'
        assert 'maintenance' in done.rows[0]['Reason']
        of_web = bed.repair('--server', 'web', '--yes')
        assert (of_web.status, of_web.rows) == (3, done.rows), of_web
    finally:
        storage.reset_volume_status(bed.data, status='in-use')


def test_an_attachment_of_cinder_alone_dangles_there(bed):
    storage = bed.cloud.sdk.block_storage
    made = storage.create_volume(size=1, name='free')
    storage.wait_for_status(made, 'available', interval=0.3)
    body = {'volume_uuid': made.id, 'instance_uuid': bed.web}
    answer = storage.post(
        '/attachments', json={'attachment': body}, microversion='3.44'
    )
    try:
        bed.until({made.id: 'dangling-cinder'}, 'free')
    finally:
        name = answer.json()['attachment']['id']
        storage.delete(f'/attachments/{name}', microversion='3.44')
        storage.delete_volume(made.id)


def devices(bed, server):
    path = f'/servers/{server}/os-volume_attachments'
    found = bed.cloud.call('GET', path, version='2.89')['volumeAttachments']
    return {one['volumeId']: one for one in found}


def clean(bed, *volumes):
    """What the guide's UPDATEs come to on today's cinder."""
    wanted = {'status': 'available', 'attach_status': 'detached'}
    for volume in volumes:
        bed.act(volume, **{'os-reset_status': wanted})


def reboot(bed, server):
    bed.cloud.action(server, reboot={'type': 'HARD'})
    bed.cloud.wait(server, 'ACTIVE')


def test_before_a_reboot_a_cleaned_volume_is_attached_anew(bed):
    """A dead attachment in nova's mapping gets a fresh one."""
    before = devices(bed, bed.root)
    clean(bed, bed.disk, bed.more)
    states = dict.fromkeys((bed.disk, bed.more), 'dangling-nova')
    bed.until(states, '--server', 'root')
    dry = bed.repair('--server', 'root', '--dry-run')
    assert dry.status == 0, dry
    assert bed.states('--server', 'root') == states
    done = bed.repair('--server', 'root', '--yes')
    assert done.status == 0, done
    [row] = done.rows
    assert (row['State'], row['Kind']) == ('done', '2 volumes')
    same(bed, bed.root, before)


def same(bed, server, before):
    """That a server runs with the devices of before, and goes on doing so."""
    bed.cloud.wait(server, 'ACTIVE')
    for _ in range(2):
        after = devices(bed, server)
        assert {v: one['device'] for v, one in after.items()} == {
            v: one['device'] for v, one in before.items()
        }
        # nova may still be at it for a moment.
        bed.cloud.until(
            lambda volumes=tuple(after): (
                set(bed.states(*volumes).values()) == {'intact'}
            ),
            'intact',
        )
        reboot(bed, server)


def test_the_guides_clean_and_a_reboot_drop_mappings_and_repair_brings_back(
    bed,
):
    """A server that boots from a volume, and the guide's own commands."""
    before = {s: devices(bed, s) for s in (bed.root, bed.web)}
    clean(bed, bed.disk, bed.more, bed.data)
    for server in before:
        reboot(bed, server)
    bed.cloud.until(
        lambda: (
            bed.states('--server', 'root', '--server', 'web')
            == dict.fromkeys((bed.disk, bed.more, bed.data), 'dropped-mapping')
        ),
        'all three dropped',
    )
    assert devices(bed, bed.root) == {}
    [row] = bed.check('--server', 'root', clouds=bed.plain).rows
    assert (row['Volume'], row['Code']) == ('', 'rootless')
    refused = lib.recover(
        bed.plain, 'volume', 'repair', '--server', 'root', '--yes'
    )
    assert (refused.status, refused.rows[0]['Verdict']) == (3, 'no-database')
    done = bed.repair('--server', 'root', bed.data, '--yes')
    assert done.status == 0, done
    assert {row['Name'] for row in done.rows} == {'root', 'web'}
    for server, had in before.items():
        same(bed, server, had)


def test_a_stopped_server_stays_stopped(bed):
    before = devices(bed, bed.root)
    clean(bed, bed.disk, bed.more)
    bed.cloud.stop(bed.root)
    wanted = dict.fromkeys((bed.disk, bed.more), 'dangling-nova')
    bed.until(wanted, '--server', 'root')
    done = bed.repair(bed.disk, bed.more, '--yes')
    assert done.status == 0, done
    assert bed.cloud.server(bed.root)['status'] == 'SHUTOFF'
    bed.cloud.action(bed.root, **{'os-start': None})
    same(bed, bed.root, before)


def test_what_is_intact_needs_no_repair_and_nothing_named_is_refused(bed):
    bed.until({bed.data: 'intact'}, 'data')
    done = bed.repair('data', '--yes')
    assert (done.status, done.rows) == (0, []), done
    assert 'nothing is wrong' in done.stderr
    assert bed.repair('--yes').status == 3
    unknown = bed.repair('nobody', '--yes')
    assert (unknown.status, len(unknown.rows)) == (3, 1), unknown
    assert unknown.rows[0]['Verdict'] == 'no-volume'


def test_what_somebody_detached_is_unused(bed):
    [server] = bed.cloud.boot(['calm'], 'cmp3')
    volume = bed.cloud.add_volume(server, 'calm')
    path = f'/servers/{server}/os-volume_attachments/{volume}'
    bed.cloud.call('DELETE', path)
    storage = bed.cloud.sdk.block_storage
    bed.cloud.until(
        lambda: storage.get_volume(volume).status == 'available', 'detached'
    )
    bed.cloud.action(server, reboot={'type': 'HARD'})
    bed.cloud.wait(server, 'ACTIVE')
    bed.until({volume: 'unused'}, 'calm')
