# SPDX-License-Identifier: Apache-2.0
"""A move in the database leaves what an evacuation by nova leaves.

Of each kind of server there are two exactly alike: one that nova evacuates,
and one that is moved in the database.  Then both live on.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import practice as lib
from tests.cloud import lab
from tests.functional import twins
from tests.oracle import reading, sources
from tests.oracle.allowed import idle, remaining
from tests.oracle.comparing import compare
from tests.oracle.evacuations import (
    MOVED,
    PASSING,
    RETURNED,
    TOUCHED,
    UNDONE,
)
from tests.oracle.shares import Index, touched
from tests.oracle.world import changed

pytestmark = pytest.mark.functional

NOVA, OURS = 'nova', 'ours'
KINDS = [kind.name for kind in twins.KINDS]
ALLOWED = {'before': (), 'moved': MOVED, 'returned': RETURNED}


@pytest.fixture(scope='module')
def story(clean, tmp_path_factory):
    """Twins on a host that dies, each moved, and the host's return."""
    clouds = lib.write_clouds(
        tmp_path_factory.mktemp('oracle'), database=lib.database_urls()
    )
    with twins.story(clean, (NOVA, OURS)) as told:
        twins.move(clouds, twins.KINDS, told.servers[NOVA])
        told.keep('between')
        words = ('--method', 'database', '--no-agent')
        twins.move(clouds, twins.KINDS, told.servers[OURS], *words)
        told.come_back()
        yield told


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('when', ALLOWED)
def test_it_leaves_what_nova_leaves(story, when, kind):
    found = compare(*story.pair(when, kind, NOVA, OURS))
    left = remaining(found, ALLOWED[when])
    assert not left, '\n'.join(map(str, left))


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('then', ['moved', 'returned'])
def test_it_touches_the_columns_that_nova_touches(story, then, kind):
    nova, ours = (
        touched(*story.past(name, kind, 'before', then))
        for name in (NOVA, OURS)
    )
    assert nova ^ ours <= {f'{a.table}.{a.column}' for a in TOUCHED}


@pytest.mark.parametrize(
    'entry', [*MOVED, *RETURNED, *TOUCHED, *UNDONE], ids=lambda e: e.source
)
def test_what_allows_a_difference_is_in_the_source(entry):
    if not sources.installed():
        pytest.skip('the practice cloud is not installed')
    assert entry.says in sources.cited(entry)


@pytest.mark.parametrize('when', ALLOWED)
def test_nothing_is_allowed_that_is_not_needed(story, when):
    found = [
        difference
        for kind in KINDS
        for difference in compare(*story.pair(when, kind, NOVA, OURS))
    ]
    assert not idle(found, ALLOWED[when])


def test_no_row_is_touched_that_is_of_no_moved_server(story):
    nova = strangers(story, 'before', 'between')
    ours = strangers(story, 'between', 'moved')
    assert ours <= nova | PASSING


def strangers(story, before, after):
    """Tables in which rows changed that are of no server of the story.

    Files of servers that are gone already nova deletes when it gets to it,
    and notes so in their rows (nova/compute/manager.py,
    _run_pending_deletes).
    """
    old, new = (
        next(iter(story.shares[when].values())).world
        for when in (before, after)
    )
    owned = set().union(
        *(
            share.keys()
            for when in (before, after)
            for share in story.shares[when].values()
        )
    )
    owned |= {row for world in (old, new) for row in of_the_deleted(world)}
    return {
        table
        for table, keys in changed(old, new).items()
        if any((table, key) not in owned for key in keys)
    }


def of_the_deleted(world):
    """Table and key of each row of a server that was deleted."""
    servers = world['nova.instances']
    gone = {row['uuid'] for row in servers.rows if row['deleted']}
    for table, column in (
        (servers, 'uuid'),
        (world['nova.instance_system_metadata'], 'instance_uuid'),
    ):
        for row in table.rows:
            if row[column] in gone:
                yield table.name, table.key_of(row)


# What nova does with them from then on


def test_the_returned_host_destroyed_its_stale_guests(story):
    gone = [
        record['uuid']
        for record in lab.did(twins.SOURCE)
        if record['what'] == 'destroy'
    ]
    for server in story.servers[OURS].values():
        assert gone.count(server) == 1
    assert not lab.guests()[twins.SOURCE]
    assert not lab.twice()


@pytest.fixture(scope='module')
def lived(story, clean):
    """What each moved server went through: kind -> its volumes after it."""
    with ThreadPoolExecutor(4) as pool:
        servers = story.servers[OURS].items()
        return dict(pool.map(lambda one: (one[0], live(clean, *one)), servers))


def live(cloud, kind, server):
    """Stopped, started, rebooted hard, a volume taken away and given back."""
    if kind == 'stopped':
        cloud.action(server, **{'os-start': None})
        cloud.wait(server, 'ACTIVE')
    cloud.stop(server)
    cloud.action(server, **{'os-start': None})
    cloud.wait(server, 'ACTIVE')
    cloud.action(server, reboot={'type': 'HARD'})
    cloud.until(lambda: rebooted(cloud, server), f'{server} rebooted')
    for volume in data_volumes(cloud, server):
        attach_again(cloud, server, volume)
    return volumes(cloud, server)


def rebooted(cloud, server):
    now = cloud.server(server)
    return now['status'] == 'ACTIVE' and not now['OS-EXT-STS:task_state']


def volumes(cloud, server):
    now = cloud.server(server)
    return sorted(v['id'] for v in now['os-extended-volumes:volumes_attached'])


def data_volumes(cloud, server):
    """Those that can be detached: all but the root."""
    path = f'/servers/{server}/os-volume_attachments'
    found = cloud.call('GET', path)['volumeAttachments']
    root = cloud.server(server)['OS-EXT-SRV-ATTR:root_device_name']
    return [a['volumeId'] for a in found if a['device'] != root]


def attach_again(cloud, server, volume):
    path = f'/servers/{server}/os-volume_attachments'
    storage = cloud.sdk.block_storage
    cloud.call('DELETE', f'{path}/{volume}')
    cloud.until(
        lambda: storage.get_volume(volume).status == 'available', 'detached'
    )
    body = {'volumeAttachment': {'volumeId': volume}}
    cloud.call('POST', path, body)
    cloud.until(
        lambda: storage.get_volume(volume).status == 'in-use', 'attached'
    )


@pytest.mark.parametrize('kind', KINDS)
def test_it_lives_on_without_an_error(story, lived, clean, kind):
    server = story.servers[OURS][kind]
    target = next(k.target for k in twins.KINDS if k.name == kind)
    assert clean.server(server)['OS-EXT-SRV-ATTR:host'] == target
    assert [v for v in lived[kind] if lab.volume_access()[v] != [target]] == []
    share = Index(reading.snapshot()).share(server)
    assert not share.rows('nova.instance_faults')
    results = [
        (row['event'], row['result'])
        for row in share.rows('nova.instance_actions_events')
    ]
    assert results
    assert {result for _, result in results} == {'Success'}, results


@pytest.fixture(scope='module')
def deleted(story, lived, clean):
    """Nova deletes every one of them."""
    servers = story.servers[OURS]
    for server in servers.values():
        clean.call('DELETE', f'/servers/{server}')
    there = set(servers.values())
    clean.until(
        lambda: not there & {s['id'] for s in clean.servers()}, 'deleted'
    )
    return Index(reading.snapshot())


@pytest.mark.parametrize('kind', KINDS)
def test_it_is_deleted_without_a_trace(story, deleted, kind):
    share = deleted.share(story.servers[OURS][kind])
    [row] = share.rows('nova.instances')
    assert (row['vm_state'], row['deleted']) == ('deleted', row['id'])
    assert not share.rows('nova.instance_faults')
    assert not share.rows('placement.allocations')
    assert not share.rows('neutron.ports')
    assert all(r['deleted'] for r in share.rows('cinder.volume_attachment'))
    held = {guest for host in lab.guests().values() for guest in host}
    assert story.servers[OURS][kind] not in held
