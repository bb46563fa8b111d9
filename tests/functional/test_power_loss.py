# SPDX-License-Identifier: Apache-2.0
"""The power of a whole cloud goes, and thirty servers come back.

``OSC_RECOVER_SEED`` says at which moments the command is killed.
"""

import collections
import concurrent.futures
import contextlib
import itertools
import os
import signal
import threading

import pytest

from tests import practice as lib
from tests.cloud import lab, ports
from tests.functional import killing, powerless
from tests.functional.losing import Servers
from tests.functional.proxy import OVERRIDES, Proxy

pytestmark = pytest.mark.functional

STORAGE = 'practice'  # the host of its cinder-volume
HOSTS = lab.HOSTS[:3]
SEED = int(os.environ.get('OSC_RECOVER_SEED', '5'))
KILLS = 3
SHARED = 'shared'  # a volume type
# Name of a server of each host -> whether it has a volume as its root, and
# how many data volumes.
SORTS = {
    'image-1': (False, 0),
    'image-2': (False, 0),
    'one': (False, 1),
    'two': (False, 2),
    'three': (False, 3),
    'root': (True, 0),
    'root-one': (True, 1),
    'root-two': (True, 2),
    'off': (False, 1),
    'off-root': (True, 1),
}
STARTING = [
    'nova POST /servers/{id}/action reboot',
    'nova POST /servers/{id}/action os-start',
]


class Thirty(Servers):
    """Ten servers on each of three hosts, two of which share a volume."""

    def __init__(self, cloud, folder, machines, proxy):
        super().__init__(
            cloud,
            folder,
            machines,
            request_timeout=20,
            service_auth=lib.SERVICE,
        )
        self.proxy = proxy
        proxy.rewrite(self.clouds)
        with concurrent.futures.ThreadPoolExecutor(len(SORTS)) as pool:
            list(pool.map(self.make, SORTS))
        self.share(f'one-{HOSTS[0]}', f'one-{HOSTS[1]}')
        for name in self.ids:
            if name.startswith('off'):
                self.stop(name)

    def make(self, sort):
        """Boot those of a sort, one on each host."""
        root, data = SORTS[sort]
        for host in HOSTS:
            self.boot(host, f'{sort}-{host}', volume=root, data=data)

    def share(self, *names):
        """One volume for several servers."""
        storage = self.cloud.sdk.block_storage
        if not storage.find_type(SHARED, ignore_missing=True):
            storage.create_type(
                name=SHARED,
                extra_specs={
                    'multiattach': '<is> True', 'volume_backend_name': 'lab',
                },
            )  # fmt: skip
        made = storage.create_volume(size=1, name='all', volume_type=SHARED)
        storage.wait_for_status(made, 'available', interval=0.3)
        for name in names:
            path = f'/servers/{self.ids[name]}/os-volume_attachments'
            body = {'volumeAttachment': {'volumeId': made.id}}
            self.cloud.call('POST', path, body)
            self.cloud.until(
                lambda mine=self.ids[name]: self.holds(made.id, mine),
                f'shared with {name}',
            )
        self.shared = made.id

    def holds(self, volume, server):
        """Whether cinder has a volume in use by a server."""
        told = self.cloud.sdk.block_storage.get_volume(volume)
        users = {one['server_id'] for one in told.attachments}
        return told.status == 'in-use' and server in users

    def lose_all(self):
        """All computes and the storage at once."""
        lab.kill('cinder-volume')
        self.lose(*HOSTS)
        assert not self.power()

    def come_back(self):
        """The power is back; the storage takes a little longer."""
        self.power_up(*HOSTS)
        late = threading.Timer(5, lab.start, ['cinder-volume'])
        late.start()
        return late

    def check(self, done, starts):
        """That every server is as it was, by one start of each."""
        assert done.status == 0, _told(done)
        assert self.power() == self.ran
        assert not lab.twice()
        assert set(self.states().values()) == {'ACTIVE', 'SHUTOFF'}
        assert self.starts() - starts == collections.Counter(self.ran)
        diff = self.recover('snapshot', 'diff', self.newest)
        told = {
            row['Kind']
            for row in diff.rows
            if row['Code'] not in ('mount-new', 'mount-gone')
        }
        assert told <= {'id', 'time'}, diff.stdout


@pytest.fixture(scope='module')
def bed(clean, tmp_path_factory):
    if lack := powerless.lacks():
        pytest.skip(lack)
    folder = tmp_path_factory.mktemp('thirty')
    with contextlib.ExitStack() as stack:
        hosts = [*lab.HOSTS, STORAGE]
        machines = powerless.machines(folder / 'hosts', hosts)
        names = ('keystone', *OVERRIDES)
        proxy = Proxy({name: ports.url(name) for name in names})
        stack.callback(lab.start, 'cinder-volume')
        yield Thirty(
            clean,
            folder,
            stack.enter_context(machines),
            stack.enter_context(proxy),
        )


@pytest.fixture
def kept(bed):
    """All is as it is to be, and kept so; and is so again afterwards."""
    bed.save()
    yield bed
    bed.heal()


def test_killed_three_times_each_of_thirty_servers_is_started_once(kept):
    volumes, starts, states = kept.volumes(), kept.starts(), kept.states()
    kept.lose_all()
    late = kept.come_back()
    words = ('cloud', '--yes', '--workers', '8')
    for moment in itertools.islice(killing.moments(SEED), KILLS):
        process = killing.go_on(kept.clouds, *words)
        ended = killing.kill(kept.proxy, process, moment, STARTING)
        told = f'seed {SEED}: {moment}: {ended}'
        assert ended.status == -signal.SIGKILL, told
        assert 'Traceback' not in ended.stderr, told
        print(moment, len(kept.power()), 'of', len(kept.ran), flush=True)
    late.join()
    kept.check(killing.finish(killing.go_on(kept.clouds, *words)), starts)
    assert (kept.states(), kept.volumes()) == (states, volumes)


def test_the_guides_steps_touch_no_root_and_nothing_of_the_stopped(kept):
    volumes, starts, states = kept.volumes(), kept.starts(), kept.states()
    kept.lose_all()
    late = kept.come_back()
    done = kept.run('--mode', 'clean', '--yes')
    late.join()
    kept.check(done, starts)
    assert kept.states() == states
    for name, has in kept.volumes().items():
        had = volumes[name]
        assert [one[:2] for one in has] == [one[:2] for one in had], name
        stays = [one == other for one, other in zip(has, had, strict=True)]
        roots = SORTS[name.rpartition('-')[0]][0]
        off = name not in kept.ran
        assert stays == [off or (roots and n == 0) for n in range(len(has))]


@pytest.mark.parametrize('mode', ['reconcile', 'clean'])
def test_with_two_of_three_hosts_alive_those_are_left_alone(kept, mode):
    dead = HOSTS[0]
    volumes, starts = kept.volumes(), kept.starts()
    calls = len(lab.volume_calls())
    kept.lose(dead)
    kept.power_up(dead)
    done = kept.run('--mode', mode, '--yes')
    assert done.status == 0, _told(done)
    assert kept.power() == kept.ran
    mine = {name for name in kept.ran if name.endswith(dead)}
    assert kept.starts() - starts == collections.Counter(mine)
    assert {call['host'] for call in lab.volume_calls()[calls:]} <= {dead}
    after = kept.volumes()
    assert all(after[n] == volumes[n] for n in volumes if n not in mine)
    # One of them is shared with a server that is alive.
    for name in mine:
        had = [one[:2] for one in volumes[name]]
        assert [one[:2] for one in after[name]] == had


def _told(done):
    return '\n'.join([*map(str, done.rows), done.stderr])
