# SPDX-License-Identifier: Apache-2.0
"""Real hosts lose their power, and a guest with them.

Two have nova-compute, libvirt and a firewall; a third is what web is from
inside: it has a boot, an sshd and a shutdown of its own, and has power when
its server has.  These tests take the bed of this machine: one that is up goes
down.
"""

import contextlib
import threading

import pytest

from tests import practice as lib
from tests.functional.losing import Servers, verdicts
from tests.functional.test_instances_on_hosts import define, virsh
from tests.hosts import bed

pytestmark = pytest.mark.functional

ONE, TWO = 'cmp1', 'cmp2'
RULE = ['INPUT', '-p', 'udp', '--dport', '9', '-j', 'DROP']


class Power:
    """The power of a host."""

    def __init__(self, name):
        self._name = name

    def lose_power(self):
        bed.power_off(self._name)

    def power_up(self):
        bed.power_on(self._name)
        # The network namespace of a host of the bed outlives a boot.
        bed.run(self._name, ['iptables', '-F', 'INPUT'])


class Machines(dict):
    """Name -> power, and how they are reached."""

    def __init__(self, hosts):
        super().__init__((name, Power(name)) for name in hosts)
        self._hosts = hosts

    def section(self):
        return lib.section(self._hosts)


class Boots:
    """The boots of a host, looked at until the end of the block."""

    def __init__(self, name):
        self.name, self.seen = name, []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _look(self):
        while not self._end.wait(0.2):
            boot = bed.boot_id(self.name)
            if boot and boot not in self.seen:
                self.seen.append(boot)


@pytest.fixture(scope='module')
def guest(hosts):
    """What web is from inside."""
    return bed.up(1)[0]


@pytest.fixture(scope='module')
def servers(clean, hosts, tmp_path_factory):
    for host in hosts:
        clean.heal(host)
    made = Servers(clean, tmp_path_factory.mktemp('cloud'), Machines(hosts))
    made.boot(ONE, 'web', data=1)
    made.boot(ONE, 'off')
    made.boot(TWO, 'far')
    made.stop('off')
    domains = {name: (ONE if name != 'far' else TWO) for name in made.ids}
    for name, host in domains.items():
        define(host, made.ids[name], name, start=False)
    yield made
    for name, host in domains.items():
        virsh(host, 'destroy', name, check=False)
        virsh(host, 'undefine', '--nvram', name)


@pytest.fixture
def kept(servers, guest):
    """All is as it is to be, and kept so; and is so again afterwards."""
    bed.power_on(guest.name)
    for name, host in (('web', ONE), ('far', TWO)):
        virsh(host, 'start', name, check=False)
    servers.save(whole=False)
    yield servers
    servers.heal()


@pytest.fixture
def clouds(kept, guest):
    """Its user has to become root; it answers for far as well."""
    hosts = [
        {'name': kept.ids[name], 'address': guest.address}
        for name in ('web', 'far')
    ]
    return kept.with_section(
        service_auth=lib.SERVICE,
        guests={
            'user': 'operator',
            'sudo': True,
            'identity_file': str(guest.key),
            'known_hosts': str(guest.known_hosts),
            'hosts': hosts,
        },
    )


@contextlib.contextmanager
def powered(kept, guest, *hosts, boots=True):
    """The power is lost, and back.

    :param boots: whether the guest boots when its server starts
    """

    def boot():
        if boots:
            kept.cloud.until(lambda: 'web' in kept.power(), 'web is started')
            bed.power_on(guest.name)

    bed.power_off(guest.name)
    kept.lose(*hosts)
    kept.power_up(*hosts)
    later = threading.Thread(target=boot)
    with Boots(guest.name) as seen:
        later.start()
        yield seen
        later.join()


def of(done, name):
    return next(row for row in done.rows if row['Name'] == name)


def test_what_ran_runs_and_a_rule_that_is_gone_is_named(kept, guest, clouds):
    bed.run(ONE, ['iptables', '-A', *RULE])
    kept.save(whole=False)
    starts, volumes = kept.starts(), kept.volumes()
    with powered(kept, guest, ONE, TWO) as boots:
        done = kept.run('--yes', clouds=clouds)
    assert done.status == 1, done
    assert verdicts(done) == {'web': 'up', 'far': 'up', 'off': 'ok'}
    assert 'answer' not in of(done, 'web')['Reason']
    assert len(boots.seen) == 1
    assert kept.power() == kept.ran
    assert kept.volumes() == volumes
    assert kept.starts() - starts == {'web': 1, 'far': 1}
    named = [row for row in done.rows if 'iptables' in row['Way out']]
    assert len(named) == 1, done
    [command] = [
        part.strip()
        for part in named[0]['Way out'].split(';')
        if '-A INPUT' in part
    ]
    bed.run(ONE, command[command.index('iptables') :].split())
    resumed = lib.recover(clouds, 'run', 'resume', done.run)
    assert resumed.status == 0, resumed
    bed.run(ONE, ['iptables', '-F', 'INPUT'])


def test_a_guest_that_libvirt_shows_to_run_is_not_touched(kept, guest, clouds):
    starts = kept.starts()
    with powered(kept, guest, ONE):
        done = kept.run('--yes', clouds=clouds)
    assert done.status == 0, done
    assert verdicts(done) == {'web': 'up', 'far': 'ok', 'off': 'ok'}
    assert kept.starts() - starts == {'web': 1}
    assert virsh(TWO, 'domstate', 'far').strip() == 'running'


def test_a_guest_whose_volume_was_attached_again_is_rebooted_once(
    kept, guest, clouds
):
    before, starts = bed.boot_id(guest.name), kept.starts()
    words = ('--mode', 'clean', '--server', 'web', '--yes')
    with powered(kept, guest, ONE) as boots:
        done = kept.run(*words, clouds=clouds)
    assert done.status == 0, done
    assert 'attached again' in of(done, 'web')['Reason']
    assert before not in boots.seen
    assert len(boots.seen) == 2
    assert bed.boot_id(guest.name) == boots.seen[-1]
    assert kept.starts() - starts == {'web': 1}


def test_a_guest_that_stays_at_its_boot_screen_is_told(kept, guest, clouds):
    starts = kept.starts()
    words = ('--server', 'web', '--timeout', '30', '--yes')
    with powered(kept, guest, ONE, boots=False) as boots:
        done = kept.run(*words, clouds=clouds)
    assert done.status == 0, done
    assert 'did not answer within 30 s' in of(done, 'web')['Reason']
    assert 'do not reboot it a second time' in of(done, 'web')['Reason']
    assert boots.seen == []
    assert kept.starts() - starts == {'web': 1}


@pytest.fixture
def entry(guest):
    """A line of the guest's fstab, of a disk that is not there."""
    line = '/dev/vdb\t/data  ext4 defaults  0 2'
    was = bed.run(guest.name, ['cat', '/etc/fstab'], check=False).stdout
    bed.run(guest.name, ['tee', '/etc/fstab'], feed=f'{was}# mine\n{line}\n')
    yield line
    bed.run(guest.name, ['tee', '/etc/fstab'], feed=was)


def test_what_a_guest_mounts_is_told_and_mended(kept, guest, clouds, entry):
    def mount(*words):
        return lib.recover(clouds, 'mount', *words, '--guest', 'web')

    def states(done):
        return {row['State'] for row in done.rows if row['Point'] == '/data'}

    done = mount('check')
    assert (done.status, states(done)) == (1, {'errors', 'absent'}), done
    done = mount('fix', '--yes')
    assert done.status == 0, done
    fstab = bed.run(guest.name, ['cat', '/etc/fstab']).stdout
    mended = entry.replace('defaults', 'defaults,errors=remount-ro')
    assert fstab.endswith(f'# mine\n{mended}\n')
    assert states(mount('check')) == {'absent'}
