# SPDX-License-Identifier: Apache-2.0
"""The power of the practice cloud goes, and recover cloud brings it back."""

import collections
import json
import pathlib
import re
import shutil
import threading

import pytest
from openstack import exceptions

from tests import practice as lib
from tests.cloud import lab
from tests.functional import powerless
from tests.functional.losing import Servers, verdicts
from tests.unit import sshd
from tests.unit.guest_machine import Guest

pytestmark = pytest.mark.functional

COLUMNS = json.loads(
    (pathlib.Path(__file__).parents[1] / 'golden/columns.json').read_text()
)
VOLUMES = 'cinder-volume'
STORAGE = 'practice'  # the host of its cinder-volume
ONE, TWO = lab.HOSTS[:2]


class Bed(Servers):
    """Servers of every sort on two hosts."""

    def __init__(self, cloud, folder, machines):
        super().__init__(cloud, folder, machines)
        self.boot(ONE, 'web', 'db', 'off')
        self.boot(ONE, 'root', volume=True)
        self.boot(TWO, 'far', metadata={'prio': '7'})
        self.data = [
            cloud.add_volume(self.ids['db'], name) for name in ('a', 'b')
        ]
        cloud.add_volume(self.ids['far'], 'c')
        self.stop('off')


@pytest.fixture(scope='module')
def bed(clean, tmp_path_factory):
    if lack := powerless.lacks():
        pytest.skip(lack)
    folder = tmp_path_factory.mktemp('cloud')
    names = [*lab.HOSTS, STORAGE]
    with powerless.machines(folder / 'hosts', names) as machines:
        yield Bed(clean, folder, machines)


@pytest.fixture
def kept(bed):
    """All is as it is to be, and kept so; and is so again afterwards."""
    bed.save()
    yield bed
    bed.heal()


def rows(done):
    return {row['Name']: row for row in done.rows}


def test_everything_comes_back_each_server_started_once(kept):
    volumes, starts, states = kept.volumes(), kept.starts(), kept.states()
    kept.lose(ONE, TWO)
    assert not kept.power()
    kept.power_up(ONE)
    late = threading.Timer(5, kept.power_up, [TWO])
    late.start()
    done = kept.run('--priority-property', 'prio', '--wave', '2', '--yes')
    late.join()
    assert done.status == 0, done
    assert list(done.rows[0]) == COLUMNS['cloud']
    assert verdicts(done) == {
        'far': 'up', 'web': 'up', 'db': 'up', 'root': 'up',
        'off': 'ok',
    }  # fmt: skip
    assert 'potential for data loss' in done.stderr
    assert kept.power() == kept.ran
    assert (kept.states(), kept.volumes()) == (states, volumes)
    once = collections.Counter(kept.ran)
    assert kept.starts() - starts == once
    again = kept.run('--yes')
    assert again.status == 0, again
    assert set(verdicts(again).values()) == {'ok'}
    assert kept.starts() - starts == once
    diff = kept.recover('snapshot', 'diff', kept.newest)
    # This machine plays the hosts, and others mount on it, too.
    told = {
        row['Kind']
        for row in diff.rows
        if row['Code'] not in ('mount-new', 'mount-gone')
    }
    assert told == {'id', 'time'}, diff.stdout


def test_with_half_of_the_hosts_alive_those_are_left_alone(kept):
    starts, calls = kept.starts(), len(lab.volume_calls())
    kept.lose(TWO)
    kept.power_up(TWO)
    done = kept.run('--yes')
    assert done.status == 0, done
    assert verdicts(done) == {
        'far': 'up', 'web': 'ok', 'db': 'ok', 'root': 'ok', 'off': 'ok',
    }  # fmt: skip
    assert kept.starts() - starts == {'far': 1}
    assert {c['host'] for c in lab.volume_calls()[calls:]} <= {TWO}
    assert kept.power() == kept.ran


@pytest.fixture
def inside(kept, tmp_path):
    """The guest of web, and a clouds.yaml that says how guests are reached."""
    guest = Guest(tmp_path / 'guest')
    guest.boot(1)
    with sshd.running(tmp_path / 'ssh', program=guest.program()) as server:
        ports = {'web': server.port, 'root': server.port,
                 'db': sshd.free_port()}  # fmt: skip
        names = [
            {'name': kept.ids[name], 'address': '127.0.0.1', 'port': port}
            for name, port in ports.items()
        ]
        ssh = server.section([])['ssh']
        yield guest, kept.with_section(guests={**ssh, 'hosts': names})


def test_guests_are_seen_to_answer_and_not_rebooted_a_second_time(
    kept, inside
):
    guest, clouds = inside
    starts = kept.starts()
    kept.lose(ONE)
    kept.power_up(ONE)
    words = ('--server', 'web', '--server', 'db', '--timeout', '60', '--yes')
    done = lib.recover(clouds, 'cloud', *words)
    assert done.status == 0, done
    told = rows(done)
    assert {told[n]['State'] for n in ('web', 'db')} == {'recovered'}
    assert 'did not answer' in told['db']['Reason']
    assert 'refuses the connection' in told['db']['Reason']
    assert 'do not reboot it a second time' in told['db']['Reason']
    assert 'console log show' in told['db']['Way out']
    assert 'answer' not in told['web']['Reason']
    assert kept.starts() - starts == {'web': 1, 'db': 1}
    guest.boot(10**6)
    done = lib.recover(clouds, 'cloud', '--server', 'root', '--yes')
    assert done.status == 0, done
    assert 'longer than' in rows(done)['root']['Reason']
    assert guest.shutdowns() == []


def test_a_guest_that_is_not_proven_off_is_not_touched(kept):
    kept.lose(ONE)
    kept.power_up(ONE)
    starts = kept.starts()
    done = kept.run('--no-agent', '--yes')
    assert done.status == 3, done
    told = verdicts(done)
    assert told.pop('off') == 'ok'
    assert set(told.values()) == {'not-proven-off'}
    assert kept.starts() == starts
    done = kept.run('--server', 'web', '--server', 'db', '--dry-run')
    assert done.status == 0, done
    assert verdicts(done) == {'web': 'up', 'db': 'up'}
    assert kept.starts() == starts
    done = kept.run('--host', ONE, '--yes')
    assert done.status == 0, done
    assert kept.power() == kept.ran


def cleaned(kept, *volumes):
    """What the guide's UPDATEs come to on today's cinder."""
    told = {'status': 'available', 'attach_status': 'detached'}
    for volume in volumes:
        answer = kept.cloud.sdk.block_storage.post(
            f'/volumes/{volume}/action',
            json={'os-reset_status': told},
            microversion='3.44',
        )
        assert answer.status_code == 202, answer.text


def test_volumes_are_mended_before_their_servers_are_started(kept):
    """The guide's cleaning step of two servers, and a reboot of one."""
    clouds = kept.with_section(database=lib.database_urls())
    had = devices(kept)
    cleaned(kept, had['root'][0][0], had['db'][0][0])
    kept.cloud.action(kept.ids['root'], reboot={'type': 'HARD'})
    kept.cloud.until(lambda: not kept.volumes()['root'], 'its root dropped')
    kept.cloud.wait(kept.ids['root'], 'ACTIVE')
    kept.lose(ONE)
    kept.power_up(ONE)
    for name in ('web', 'db', 'root'):
        kept.cloud.wait(kept.ids[name], 'SHUTOFF')
    starts = kept.starts()
    done = lib.recover(clouds, 'cloud', '--dry-run')
    assert done.status == 0, done
    assert kept.volumes()['root'] == []
    done = lib.recover(clouds, 'cloud', '--yes')
    assert done.status == 0, done
    told = rows(done)
    assert verdicts(done) == {
        'web': 'up', 'db': 'up', 'root': 'up', 'far': 'ok', 'off': 'ok',
    }  # fmt: skip
    for name, said in (('db', 'cinder has not attached'),
                       ('root', 'no volume of it any more')):  # fmt: skip
        assert told[name]['State'] == 'recovered'
        assert 'mended before its start' in told[name]['Reason']
        assert said in told[name]['Reason']
    assert kept.starts() - starts == {'web': 1, 'db': 1, 'root': 1}
    assert kept.power() == kept.ran
    assert devices(kept) == had
    check = lib.recover(clouds, 'volume', 'check')
    assert check.status == 0, check


def devices(kept):
    """Server -> volume and device, in their order."""
    return {
        name: [(volume, device) for volume, device, _ in volumes]
        for name, volumes in kept.volumes().items()
    }


def test_a_mapping_that_cinder_does_not_know_keeps_its_server_off(kept):
    kept.lose(ONE)
    kept.power_up(ONE)
    starts = kept.starts()
    [(volume, _, attachment)] = kept.volumes()['root']
    hide = 'UPDATE volume_attachment SET deleted=%s WHERE id=%s'
    with lib.database('cinder') as cinder, cinder.cursor() as cursor:
        cursor.execute(hide, [1, attachment])
        try:
            done = kept.run('--yes')
        finally:
            cursor.execute(hide, [0, attachment])
    assert done.status == 1, done
    told = rows(done)
    assert told['root']['Verdict'] == 'volumes-wrong'
    assert 'cinder does not know' in told['root']['Reason']
    assert 'not mended from here' in told['root']['Reason']
    assert 'recover: database' in told['root']['Way out']
    assert (kept.starts() - starts)['root'] == 0
    assert told['web']['State'] == 'recovered'
    assert [v for v, _, _ in kept.volumes()['root']] == [volume]
    assert kept.run('--yes').status == 0
    assert kept.power() == kept.ran


def test_without_a_snapshot_only_what_nova_stopped_is_started(kept):
    kept.lose(ONE)
    kept.power_up(ONE)
    for name in ('web', 'db', 'root'):
        kept.cloud.wait(kept.ids[name], 'SHUTOFF')
    kept.cloud.action(kept.ids['db'], **{'os-start': None})
    kept.cloud.wait(kept.ids['db'], 'ACTIVE')
    kept.cloud.stop(kept.ids['db'])
    starts = kept.starts()
    alone = kept.with_section(snapshots='/nowhere')
    done = lib.recover(alone, 'cloud', '--yes')
    assert done.status == 1, done
    assert verdicts(done) == {
        'web': 'up', 'root': 'up', 'db': 'not-known', 'off': 'not-known',
        'far': 'ok',
    }  # fmt: skip
    assert 'there is no snapshot' in done.stderr
    assert kept.starts() - starts == {'web': 1, 'root': 1}


def test_a_snapshot_that_is_not_this_cloud_s_or_was_edited_is_refused(kept):
    kept.save('edited')
    folder = kept.clouds.parent / 'snapshots'
    [saved] = [
        path.parent
        for path in folder.glob('*/manifest.json')
        if json.loads(path.read_text())['name'] == 'edited'
    ]
    other = kept.clouds.parent / 'elsewhere' / saved.name
    shutil.copytree(saved, other)
    told = kept.run('--snapshot', str(other), '--dry-run')
    assert told.status in (0, 3), told
    assert f'snapshot {other}' in told.stderr
    with (other / 'servers.json').open('a') as file:
        file.write(' ')
    done = kept.run('--snapshot', str(other), '--yes')
    assert done.status == 3, done
    assert 'servers.json' in done.rows[0]['Reason']
    done = kept.run('--snapshot', 'nowhere', '--yes')
    assert (done.status, done.rows[0]['Verdict']) == (3, 'unknown-snapshot')


@pytest.fixture
def no_storage(kept):
    """cinder-volume is down, as cinder has noticed, and up in the end."""
    lab.kill(VOLUMES)
    try:
        kept.cloud.until(lambda: not storage_is_up(kept), 'it counts as down')
        yield kept
    finally:
        if not lab.running(VOLUMES):
            lab.start(VOLUMES)
        kept.cloud.until(lambda: storage_is_up(kept), 'it counts as up')


def storage_is_up(kept):
    told = kept.cloud.sdk.block_storage.get('/os-services').json()
    [one] = [s for s in told['services'] if s['binary'] == VOLUMES]
    return one['state'] == 'up'


def test_a_storage_that_comes_up_late_is_waited_for(no_storage):
    no_storage.lose(ONE)
    no_storage.power_up(ONE)
    starts = no_storage.starts()
    late = threading.Timer(10, lab.start, [VOLUMES])
    late.start()
    done = no_storage.run('--yes')
    late.join()
    assert done.status == 0, done
    told = rows(done)
    assert {told[n]['State'] for n in ('web', 'db', 'root')} == {'recovered'}
    assert no_storage.starts() - starts == {'web': 1, 'db': 1, 'root': 1}


def test_servers_whose_storage_stays_down_keep_their_one_start(no_storage):
    no_storage.lose(ONE)
    no_storage.power_up(ONE)
    starts = no_storage.starts()
    done = no_storage.run('--timeout', '60', '--yes')
    assert done.status == 1, done
    told = rows(done)
    assert told['web']['State'] == 'recovered'
    for name in ('db', 'root'):
        assert told[name]['State'] == 'failed'
        assert 'cinder-volume on' in told[name]['Reason']
        assert 'is down' in told[name]['Reason']
    backend = next(r for r in done.rows if r['Kind'] == 'cinder backend')
    assert (backend['State'], '60 s long' in backend['Reason']) == (
        'failed', True,
    )  # fmt: skip
    assert no_storage.starts() - starts == {'web': 1}
    lab.start(VOLUMES)
    no_storage.cloud.until(lambda: storage_is_up(no_storage), 'it is up')
    again = no_storage.recover('run', 'resume', run_of(done), '--yes')
    assert again.status == 0, again
    assert no_storage.starts() - starts == {'web': 1, 'db': 1, 'root': 1}
    assert no_storage.power() == no_storage.ran


def run_of(done):
    return re.search(r'run ([0-9a-f]{8})', done.stderr)[1]


def elsewhere(kept, folder):
    """A snapshot of what keystone's other name makes another cloud."""
    clouds = lib.write_clouds(folder, snapshots=str(folder / 'snapshots'))
    text = clouds.read_text()
    assert '//127.0.0.1:' in text
    clouds.write_text(text.replace('//127.0.0.1:', '//localhost:'))
    done = lib.recover(clouds, 'snapshot', 'save', '--name', 'foreign')
    assert done.status == 0, done
    [path] = (folder / 'snapshots').glob('*/manifest.json')
    return path.parent


def test_a_snapshot_of_another_cloud_is_refused_by_all(kept, tmp_path):
    foreign = str(elsewhere(kept, tmp_path))
    volumes, starts = kept.volumes(), kept.starts()
    for words in (
        ('cloud',), ('cloud', '--mode', 'clean'), ('volume', 'attach'),
    ):  # fmt: skip
        done = kept.recover(*words, '--snapshot', foreign, '--yes')
        assert done.status == 3, done
        [row] = done.rows
        assert row['Verdict'] == 'foreign-snapshot'
        assert 'of the cloud' in row['Reason']
        assert '--os-cloud' in row['Way out']
    assert (kept.volumes(), kept.starts()) == (volumes, starts)


@pytest.fixture
def shrunk(bed):
    """After the snapshot a server is deleted with its volume, and a volume
    of another one.
    """
    bed.boot(ONE, 'gone', 'less')
    volumes = {
        n: bed.cloud.add_volume(bed.ids[n], n) for n in ('gone', 'less')
    }
    bed.save()
    storage = bed.cloud.sdk.block_storage
    path = f'/servers/{bed.ids["less"]}/os-volume_attachments'
    bed.cloud.call('DELETE', f'{path}/{volumes["less"]}')
    bed.cloud.call('DELETE', f'/servers/{bed.ids["gone"]}')
    lost = {'gone': bed.ids.pop('gone'), **volumes}
    bed.ran.discard('gone')
    for volume in volumes.values():
        bed.cloud.until(
            lambda v=volume: freed(storage, v), f'volume {volume} is free'
        )
    yield bed, lost
    bed.heal()
    bed.cloud.call('DELETE', f'/servers/{bed.ids.pop("less")}')
    bed.ran.discard('less')


def freed(storage, volume):
    """Whether a volume is gone; one that is free is deleted."""
    try:
        if storage.get_volume(volume).status == 'available':
            storage.delete_volume(volume)
    except exceptions.NotFoundException:
        return True
    except exceptions.BadRequestException:
        return False  # nova deletes it at the same time.
    return False


def test_what_was_deleted_since_the_snapshot_is_told_and_does_no_harm(shrunk):
    bed, lost = shrunk
    bed.lose(ONE)
    bed.power_up(ONE)
    had, starts = bed.volumes(), bed.starts()
    done = bed.run('--yes')
    assert done.status == 0, done
    assert f'gone ({lost["gone"]})' not in done.stdout
    assert "1 of the snapshot's servers are not there any more" in done.stderr
    told = rows(done)
    assert 'gone' not in told
    assert told['less']['State'] == 'recovered'
    assert f'it had volume {lost["less"]}' in told['less']['Reason']
    assert bed.power() == bed.ran
    assert bed.starts() - starts == {'web': 1, 'db': 1, 'root': 1, 'less': 1}
    done = bed.recover('volume', 'attach', '--snapshot', bed.newest, '--yes')
    assert done.status == 3, done
    found = {row['Verdict'] for row in done.rows}
    assert {'no-server', 'no-volume'} <= found <= {
        'no-server', 'no-volume', 'ok'
    }  # fmt: skip
    assert bed.volumes() == had
