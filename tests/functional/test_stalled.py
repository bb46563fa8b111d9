# SPDX-License-Identifier: Apache-2.0
"""Every status of a volume, whoever has it: told right, mended or left."""

import itertools

import pytest

from tests import practice as lib
from tests.functional import stalled

pytestmark = pytest.mark.functional

NOVA, CINDER = 'dangling-nova', 'dangling-cinder'
# Who has it -> what that is called in each of stalled.STATUSES.
STATES = {
    'nobody': ('wedged', 'wedged', 'wedged', 'wedged', 'unused', 'busy'),
    'both': ('intact', 'wedged', 'wedged', 'wedged', 'wedged', 'stale-target'),
    'nova': (NOVA,) * 6,
    'cinder': (CINDER,) * 6,
    'reserved': (CINDER,) * 6,
    'failed': (CINDER,) * 6,
    'deleted-server': (CINDER,) * 6,
    'twice': (CINDER, 'wedged', 'wedged', 'wedged', 'wedged', 'stale-target'),
    'no-server': ('busy',) * 6,
}
# What volume repair leaves to volume reset, as it needs the guest to be off,
# or as nothing is left to be repaired.
BY_RESET = {(status, 'cinder') for status in stalled.STATUSES}
BY_RESET.add(('in-use', 'nobody'))
# cinder attaches none that is in error, and nothing else tells its worth.
IN_ERROR = ('error', 'nova')


def sorts(statuses):
    return [*itertools.product(statuses, stalled.CONSTELLATIONS)]


class Bed:
    """Servers with a data volume each, and one that was deleted."""

    def __init__(self, cloud, folder):
        self.cloud = cloud
        self.clouds = lib.write_clouds(
            folder, database=lib.database_urls(), service_auth=lib.SERVICE
        )
        names = ('mended', 'left', 'gone')
        self.mended, self.left, gone = cloud.boot(names, 'cmp1')
        cloud.call('DELETE', f'/servers/{gone}')
        self.plants = {
            server: stalled.Plant(server, gone, cloud.add_volume(server, 'v'))
            for server in (self.mended, self.left)
        }

    def plant(self, server, wanted):
        """Volume -> its status and constellation."""
        return {
            self.plants[server].add(*sort, number): sort
            for number, sort in enumerate(wanted)
        }

    def run(self, *words):
        return lib.recover(self.clouds, 'volume', *words)

    def check(self, made):
        """What they are, by their status and constellation."""
        done = self.run('check', *made)
        assert done.status in (0, 1), done
        rows = {row['Volume']: row for row in done.rows}
        for row in rows.values():
            wrong = row['State'] not in ('intact', 'unused')
            assert bool(row['Way out']) == wrong, row
        return {sort: rows[volume]['State'] for volume, sort in made.items()}

    def held(self, volume):
        """The servers to which cinder has it attached."""
        now = self.cloud.sdk.block_storage.get_volume(volume)
        return {one['server_id'] for one in now.attachments}

    def attach(self, server, volume):
        self.cloud.call(
            'POST',
            f'/servers/{server}/os-volume_attachments',
            {'volumeAttachment': {'volumeId': volume}},
        )

    def detach(self, server, volume):
        path = f'/servers/{server}/os-volume_attachments/{volume}'
        self.cloud.call('DELETE', path)

    def status(self, *volumes):
        return {
            one.status
            for one in self.cloud.sdk.block_storage.volumes(details=True)
            if one.id in volumes
        }


@pytest.fixture(scope='module')
def bed(clean, tmp_path_factory):
    return Bed(clean, tmp_path_factory.mktemp('stalled'))


@pytest.fixture
def planted(bed):
    """Plants some, which go again."""
    made = []

    def plant(*asked):
        found = bed.plant(*asked)
        made.extend(found)
        return found

    yield plant
    stalled.forget(made)


def state(status, who):
    return STATES[who][stalled.STATUSES.index(status)]


def test_what_is_stalled_is_told_and_mended_and_can_be_used_again(
    bed, planted
):
    known = [sort for sort in sorts(stalled.STATUSES) if sort != IN_ERROR]
    made = planted(bed.mended, known)
    assert bed.check(made) == {sort: state(*sort) for sort in known}
    kept = [v for v, (_, who) in made.items() if who == 'no-server']
    before = {volume: stalled.records(volume) for volume in kept}
    done = bed.run('repair', *made, '--yes')
    failed = [row for row in done.rows if row['State'] not in ('done', 'left')]
    assert not failed, '\n'.join(map(str, failed))
    bed.cloud.wait(bed.mended, 'ACTIVE')
    bed.cloud.stop(bed.mended)
    resets = [v for v, sort in made.items() if sort in BY_RESET]
    done = bed.run('reset', *resets, '--guest-off', 'stopped', '--yes')
    assert done.status == 0, done
    bed.cloud.action(bed.mended, **{'os-start': None})
    bed.cloud.wait(bed.mended, 'ACTIVE')
    left = {sort for sort in made.values() if sort[1] == 'no-server'}
    left.add(('error', 'nobody'))
    bed.cloud.until(
        lambda: (
            {
                sort
                for sort, state in bed.check(made).items()
                if state not in ('intact', 'unused')
            }
            <= left
        ),
        'only what is never touched is left',
    )
    assert {v: stalled.records(v) for v in kept} == before
    used = [v for v, sort in made.items() if sort not in left]
    free = [volume for volume in used if not bed.held(volume)]
    for volume in free:
        bed.attach(bed.mended, volume)
    bed.cloud.until(lambda: bed.status(*used) == {'in-use'}, 'all attached')
    for volume in used:
        bed.detach(bed.mended, volume)
    bed.cloud.until(lambda: bed.status(*used) == {'available'}, 'all detached')


def test_what_is_in_error_and_attached_to_nobody_is_left(bed, planted):
    made = planted(bed.left, [IN_ERROR])
    assert bed.check(made) == {IN_ERROR: NOVA}
    [volume] = made
    before = stalled.records(volume)
    done = bed.run('repair', '--server', 'left', '--yes')
    assert done.status == 3, done
    assert [row['Verdict'] for row in done.rows] == ['volume-error']
    assert f'volume set --state available {volume}' in done.rows[0]['Way out']
    assert stalled.records(volume) == before


def test_what_cinder_is_at_is_busy_and_never_touched(bed, planted):
    made = planted(bed.left, sorts(stalled.ALONE))
    told = bed.check(made)
    assert told == dict.fromkeys(told, 'busy')
    before = {volume: stalled.records(volume) for volume in made}
    for word in ('repair', 'reset'):
        done = bed.run(word, *made, '--yes')
        assert done.status == 3, done
        assert {row['State'] for row in done.rows} <= {'left', 'refused'}
    assert {volume: stalled.records(volume) for volume in made} == before
