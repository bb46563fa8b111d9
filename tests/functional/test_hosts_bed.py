# SPDX-License-Identifier: Apache-2.0
"""The bed of hosts itself: what other tests rely on when they use it.

These tests take the bed of this machine: one that is up goes down.
"""

import os
import pathlib
import subprocess

import pytest

from tests.cloud import lab
from tests.hosts import bed, cgroups, errors, limits

pytestmark = pytest.mark.functional


@pytest.fixture(scope='module')
def without_bed():
    """The machine without a bed, as far as a bed could change it."""
    if lack := bed.lacks():
        pytest.skip(lack)
    bed.down()
    return machine()


@pytest.fixture(scope='module')
def hosts(without_bed):
    """Two hosts that have just been made, by name."""
    yield {host.name: host for host in bed.up(2)}
    bed.down()


@pytest.fixture
def joined(hosts, clean):
    """The host that has the practice cloud's nova-compute cmp1 on it."""
    return bed.up(1, joined=True)[0]


def machine():
    """Namespaces, mounts, locks, links, limits, processes elsewhere."""
    seen = pathlib.Path('/proc/self/mounts').read_text().splitlines()
    net = pathlib.Path('/run/netns')
    nspawn = pathlib.Path('/run/systemd/nspawn')
    return {
        'namespaces': sorted(net.iterdir()) if net.exists() else [],
        'mounts': sorted(seen),
        'locks': sorted(nspawn.glob('*/*')),
        'links': sorted(os.listdir('/sys/class/net')),
        'cgroups': [f for f in cgroups.folders() if f.exists()],
        'limits': [
            pathlib.Path('/proc/sys', name).read_text()
            for name in limits.WANTED
        ],
        'processes': sorted(elsewhere()),
    }


def elsewhere():
    """Every process in another process or network namespace than ours."""
    for entry in pathlib.Path('/proc').glob('[0-9]*'):
        try:
            same = all(
                os.readlink(entry / 'ns' / kind)
                == os.readlink(f'/proc/self/ns/{kind}')
                for kind in ('pid', 'net')
            )
            what = (entry / 'cmdline').read_text()
        except OSError:
            continue  # gone meanwhile
        # Without words: dead, and not asked about by the machine's init yet.
        if what and not same:
            yield f'{entry.name} {what}'


def ssh(host, *words, user='root', known=None):
    options = {
        'BatchMode': 'yes',
        'ConnectTimeout': '5',
        'IdentitiesOnly': 'yes',
        'StrictHostKeyChecking': 'yes',
        'UserKnownHostsFile': str(known or host.known_hosts),
    }
    argv = ['ssh', '-F', 'none', '-i', str(host.key), '-p', str(host.port)]
    for key, value in options.items():
        argv += ['-o', f'{key}={value}']
    return subprocess.run(
        [*argv, f'{user}@{host.address}', *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def said(host, *words, user='root'):
    done = ssh(host, *words, user=user)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_host_is_known_by_its_own_key(hosts):
    for name, host in hosts.items():
        assert said(host, 'hostname') == name


def test_the_key_of_one_host_is_not_taken_for_another(hosts, tmp_path):
    one, two = hosts.values()
    lines = one.known_hosts.read_text().splitlines()
    key = next(row for row in lines if row.split()[0] == two.address)
    wrong = tmp_path / 'known_hosts'
    wrong.write_text(key.replace(two.address, one.address) + '\n')
    done = ssh(one, 'true', known=wrong)
    assert done.returncode == 255
    assert 'Host key verification failed' in done.stderr


def test_sudo_of_operator_needs_no_password(hosts):
    host = hosts['host1']
    assert said(host, 'id', '-un', user='operator') == 'operator'
    assert said(host, 'sudo', '-n', 'id', '-un', user='operator') == 'root'


def test_sudo_of_nosudo_needs_one(hosts):
    done = ssh(hosts['host1'], 'sudo', '-n', 'true', user='nosudo')
    assert done.returncode == 1
    assert 'password is required' in done.stderr


def test_accounts_have_the_numbers_of_debian(hosts):
    host = hosts['host1']
    assert said(host, 'id', '-u', 'nova') == '64060'
    assert said(host, 'id', '-u', 'libvirt-qemu') == '64055'
    assert said(host, 'id', '-gn', 'libvirt-qemu') == 'kvm'
    assert 'libvirt' in said(host, 'id', '-Gn', 'nova').split()


def test_a_unit_stops_and_starts(hosts):
    host = hosts['host1']
    ask = ('systemctl', 'is-active', 'nova-compute')
    assert said(host, 'ps', '-o', 'user=', '-C', 'sleep') == 'nova'
    said(host, 'systemctl', 'stop', 'nova-compute')
    assert ssh(host, *ask).stdout.strip() == 'inactive'
    said(host, 'systemctl', 'start', 'nova-compute')
    assert said(host, *ask) == 'active'


def test_libvirtd_comes_when_it_is_asked(hosts):
    host = hosts['host2']
    ask = ('systemctl', 'is-active', 'libvirtd.service')
    assert ssh(host, *ask).stdout.strip() == 'inactive'
    assert 'clean-traffic' in said(host, 'virsh', 'nwfilter-list')
    assert said(host, *ask) == 'active'


def test_what_is_written_is_in_the_upper_layer_until_a_reset(hosts):
    host = hosts['host2']
    said(host, 'chown', 'nova', '/etc/motd')
    assert (host.upper / 'etc/motd').stat().st_uid == 64060
    bed.reset('host2')
    assert said(host, 'stat', '-c', '%U', '/etc/motd') == 'root'


def test_a_reboot_is_another_boot_of_the_same_host(hosts):
    host = hosts['host2']
    other = bed.boot_id('host1')
    before = said(host, 'cat', '/proc/sys/kernel/random/boot_id')
    said(host, 'touch', '/run/gone', '/var/kept')
    bed.reboot('host2')
    after = said(host, 'cat', '/proc/sys/kernel/random/boot_id')
    assert len({before, after, other}) == 3
    assert ssh(host, 'test', '-e', '/run/gone').returncode == 1
    assert ssh(host, 'test', '-e', '/var/kept').returncode == 0
    assert bed.boot_id('host1') == other


def test_a_host_without_power_has_no_process(hosts):
    bed.power_off('host2')
    assert not bed.running('host2')
    assert not cgroups.processes('host2')
    assert ssh(hosts['host2'], 'true').returncode == 255
    bed.power_on('host2')
    assert said(hosts['host2'], 'hostname') == 'host2'


def test_a_cut_host_is_dead_to_others_and_runs_on(hosts):
    host = hosts['host1']
    boot = bed.boot_id('host1')
    bed.cut('host1')
    assert ssh(host, 'true').returncode == 255
    assert said(hosts['host2'], 'hostname') == 'host2'
    bed.mend('host1')
    assert said(host, 'cat', '/proc/sys/kernel/random/boot_id') == boot


def test_hosts_reach_each_other_and_nothing_beyond(hosts):
    one, two = hosts.values()
    connect = 'exec 3<>/dev/tcp/{}/22; read line <&3; echo "$line"'
    reach = connect.format(two.address)
    assert said(one, 'bash', '-c', f"'{reach}'").startswith('SSH-')
    assert said(one, 'ip', 'route', 'show', 'default') == ''


def test_up_again_changes_nothing(hosts):
    boots = [bed.boot_id(name) for name in hosts]
    assert bed.up(2) == list(hosts.values())
    assert [bed.boot_id(name) for name in hosts] == boots


@pytest.mark.parametrize(
    'call, said_so',
    [
        (lambda: bed.up(0), '1 to'),
        (lambda: bed.up(len(lab.HOSTS) + 1, joined=True), 'computes'),
        (lambda: bed.cut('nowhere'), 'there is no host nowhere'),
        (lambda: bed.run('host1', ['false']), 'host1: false ended'),
    ],
)
def test_what_cannot_be_is_refused(hosts, call, said_so):
    with pytest.raises(errors.BedError, match=said_so):
        call()


def test_a_stopped_unit_is_what_nova_sees_as_down(joined, practice):
    assert practice.service('cmp1')['state'] == 'up'
    said(joined, 'systemctl', 'stop', 'nova-compute')
    practice.until(
        lambda: practice.service('cmp1')['state'] == 'down', 'seen as down'
    )
    said(joined, 'systemctl', 'start', 'nova-compute')
    practice.until(
        lambda: practice.service('cmp1')['state'] == 'up', 'seen as up'
    )


def test_nova_compute_in_a_host_boots_a_server(joined, practice):
    (server,) = practice.boot(['bed-1'], 'cmp1')
    assert server in lab.guests()['cmp1']
    pid = said(joined, 'systemctl', 'show', '-P', 'MainPID', 'nova-compute')
    assert said(joined, 'ps', '-o', 'user=', '-p', pid) == 'nova'
    practice.delete_all()


def test_the_fence_agent_cuts_the_power_of_a_joined_host(joined, practice):
    lab.fail('cmp1')
    assert not cgroups.processes('cmp1')
    practice.heal('cmp1')
    assert said(joined, 'systemctl', 'is-active', 'nova-compute') == 'active'


def test_a_cut_cable_cuts_nova_compute_off(joined, practice):
    bed.cut('cmp1')
    practice.until(
        lambda: practice.service('cmp1')['state'] == 'down', 'seen as down'
    )
    bed.mend('cmp1')
    practice.until(
        lambda: practice.service('cmp1')['state'] == 'up', 'seen as up'
    )


def test_down_leaves_the_machine_as_it_was(hosts, without_bed):
    bed.power_off('host2')
    assert machine() != without_bed
    bed.down()
    assert machine() == without_bed
    assert bed.hosts() == []


def test_a_joined_compute_is_given_back(practice):
    assert lab.running('nova-compute-cmp1')
    assert not bed.hosts()
    practice.until(
        lambda: practice.service('cmp1')['state'] == 'up', 'up outside'
    )
