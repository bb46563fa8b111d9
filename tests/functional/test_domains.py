# SPDX-License-Identifier: Apache-2.0
"""Domains of real libvirt on real hosts, beside the practice cloud's nova.

The hosts run qemu guests without an operating system.  These tests take the
bed of this machine: one that is up goes down.
"""

import re

import pytest

from tests.hosts import bed
from tests.practice import reached, recover

pytestmark = pytest.mark.functional

ONE, TWO = 'cmp1', 'cmp2'
UNIT = 'nova-compute.service'
CONF = '/etc/nova/nova.conf'
NOWHERE = '10.255.255.1'
CLEAN = 'clean-traffic'


@pytest.fixture
def clouds(clean, hosts, tmp_path):
    for host in hosts:
        clean.heal(host)
    yield reached(tmp_path, hosts)
    for host in hosts:
        forget_all(host)


# libvirt on a host, as root there


def virsh(host, *words, feed='', check=True):
    argv = ['virsh', '-q', '-c', 'qemu:///system', *words]
    return bed.run(host, argv, feed=feed, check=check, timeout=90).stdout


def forget_all(host):
    for uuid in virsh(host, 'list', '--uuid').split():
        virsh(host, 'destroy', uuid)
    for uuid in virsh(host, 'list', '--all', '--uuid').split():
        virsh(host, 'undefine', '--nvram', uuid)


def define(host, server, listen, *, start=False, filter=''):
    """The domain of a server, as nova would define it there."""
    name = server['OS-EXT-SRV-ATTR:instance_name']
    virsh(
        host, 'define', '/dev/stdin',
        feed=guest(server['id'], name, listen, filter),
    )  # fmt: skip
    if start:
        virsh(host, 'start', server['id'])
    return name


def guest(uuid, name, listen, filter=''):
    reference = f"<filterref filter='{filter}'/>" if filter else ''
    return f"""\
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <metadata>
    <nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'>
      <nova:name>web &amp; more</nova:name>
    </nova:instance>
  </metadata>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64'>hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <interface type='bridge'>
      <source bridge='br-test'/>
      {reference}
    </interface>
    <graphics type='vnc' autoport='yes' listen='{listen}'>
      <listen type='address' address='{listen}'/>
    </graphics>
  </devices>
</domain>
"""


def bridge(host):
    link = ['ip', 'link', 'add', 'br-test', 'type', 'bridge']
    bed.run(host, link, check=False)
    bed.run(host, ['ip', 'link', 'set', 'br-test', 'up'])


def kept(host, server):
    return virsh(host, 'dumpxml', '--inactive', server['id'])


def listens(text):
    return set(re.findall(r"(?:listen|address)='([0-9.:]+)'", text))


def state(host, server):
    return virsh(host, 'domstate', server['id'], check=False).strip()


# Our commands


def checked(clouds, *words):
    """The rows of a check without those of hosts that are not in the bed."""
    done = recover(clouds, 'domain', 'check', *words)
    assert done.status in (0, 1), done
    assert 'failed' not in {row['State'] for row in done.rows}, done
    return [row for row in done.rows if row['Host'] in (ONE, TWO)]


def states(clouds, *words):
    return [(row['Host'], row['State']) for row in checked(clouds, *words)]


def repair(clouds, *words):
    return recover(clouds, 'domain', 'repair', *words, '--yes')


@pytest.fixture
def server(clouds, practice):
    (made,) = practice.boot(['domain-1'], ONE)
    yield practice.server(made)
    practice.delete_all()


def evacuated(practice, server):
    """nova has moved a server off a host that it takes for dead."""
    bed.run(ONE, ['systemctl', 'stop', UNIT])
    practice.put_service(ONE, forced_down=True)
    practice.action(server['id'], evacuate={'host': TWO})
    practice.until(
        lambda: practice.server(server['id'])['OS-EXT-SRV-ATTR:host'] == TWO,
        'evacuated',
    )
    practice.wait(server['id'], 'ACTIVE')


def test_a_guest_left_running_on_the_failed_host_is_found_and_not_ended(
    clouds, practice, hosts, server
):
    for host in (ONE, TWO):
        bridge(host)
    name = define(ONE, server, hosts[ONE].address, start=True)
    assert states(clouds, 'domain-1') == [(ONE, 'ok')]
    evacuated(practice, server)
    first, second = checked(clouds, server['id'])
    assert (first['Host'], first['State']) == (ONE, 'runs-elsewhere')
    assert (first['Domain'], first['Domain state']) == (name, 'running')
    assert (second['Host'], second['State']) == (TWO, 'undefined')

    define(TWO, server, hosts[TWO].address, start=True)
    [row] = checked(clouds, 'domain-1')
    assert (row['Host'], row['State']) == (ONE, 'two-places')
    assert f'virsh destroy {name}' in row['Way out']
    done = repair(clouds, 'domain-1')
    assert (done.status, done.rows[0]['Verdict']) == (3, 'two-places')
    assert (state(ONE, server), state(TWO, server)) == ('running', 'running')

    virsh(ONE, 'destroy', name)
    assert states(clouds, 'domain-1') == [(ONE, 'stale')]
    dry = recover(clouds, 'domain', 'repair', 'domain-1', '--dry-run')
    assert (dry.status, dry.rows[0]['State']) == (0, 'planned')
    assert state(ONE, server) == 'shut off'
    [run] = re.findall(r'plan ([0-9a-f]+);', dry.stderr)
    done = recover(clouds, 'run', 'start', run, '--yes')
    assert (done.status, done.rows[0]['State']) == (0, 'done'), done
    assert (state(ONE, server), state(TWO, server)) == ('', 'running')
    assert states(clouds, 'domain-1') == [(TWO, 'ok')]
    [path] = re.findall(r'/var/lib/osc-recover/\S+\.xml', str(done.rows))
    virsh(ONE, 'define', path)
    assert state(ONE, server) == 'shut off'


def test_a_listen_address_is_mended_where_libvirt_and_old_files_keep_it(
    clouds, practice, hosts, server, request
):
    name = define(ONE, server, NOWHERE)
    path = old_file(ONE, guest(server['id'], name, NOWHERE))
    request.addfinalizer(lambda: bed.run(ONE, ['rm', '-r', folder_of(path)]))
    told = checked(clouds, 'domain-1')
    assert {row['State'] for row in told} == {'listen'}
    assert any(path in row['Reason'] for row in told)
    done = repair(clouds, 'domain-1')
    assert (done.status, done.rows[0]['State']) == (0, 'done'), done
    own = {hosts[ONE].address}
    assert listens(kept(ONE, server)) == own
    assert '<nova:name>web &amp; more</nova:name>' in kept(ONE, server)
    assert owner(ONE, path) == '0:64060 640'
    text = bed.run(ONE, ['cat', path]).stdout
    assert set(re.findall(r'(?:listen|address)="([0-9.]+)"', text)) == own
    assert states(clouds, 'domain-1') == [(ONE, 'ok')]
    again = repair(clouds, 'domain-1')
    assert (again.status, again.rows[0]['Verdict']) == (3, 'nothing')

    open_ = repair(clouds, 'domain-1', '--listen', '0.0.0.0')
    assert open_.status == 0, open_
    assert 'open to everybody' in open_.stderr
    assert listens(kept(ONE, server)) == {'0.0.0.0'}
    [row] = checked(clouds, 'domain-1')
    assert row['State'] == 'ok'
    assert 'once nova generates the XML again' in row['Reason']
    refused = repair(clouds, 'domain-1', '--listen', hosts[TWO].address)
    assert (refused.status, refused.rows[0]['Verdict']) == (3, 'bad-listen')


def old_file(host, text):
    """A libvirt.xml as nova wrote it until 2016."""
    path = f'{instances(host)}/{uuid_of(text)}/libvirt.xml'
    bed.run(host, ['mkdir', '-p', folder_of(path)])
    bed.run(host, ['tee', path], feed=text)
    bed.run(host, ['chown', '0:64060', path])
    bed.run(host, ['chmod', '640', path])
    return path


def instances(host):
    """Where nova-compute of the host has them."""
    text = bed.run(host, ['cat', CONF]).stdout
    return re.findall(r'(?m)^state_path = (.*)$', text)[-1] + '/instances'


def folder_of(path):
    return path.rpartition('/')[0]


def uuid_of(text):
    return re.search(r'<uuid>(.*)</uuid>', text).group(1)


def owner(host, path):
    return bed.run(host, ['stat', '-c', '%u:%g %a', path]).stdout.strip()


def test_a_nova_conf_of_another_host_names_the_line_to_mend(
    clouds, practice, hosts, server
):
    define(ONE, server, hosts[TWO].address)
    before = bed.run(ONE, ['cat', CONF]).stdout
    copied = re.sub(
        r'(?m)^server_listen = .*$',
        f'server_listen = {hosts[TWO].address}',
        before,
    )
    assert copied != before
    bed.run(ONE, ['tee', CONF], feed=copied)
    try:
        told = {row['State']: row for row in checked(clouds, 'domain-1')}
        refused = repair(clouds, 'domain-1')
        given = repair(
            clouds, 'domain-1', '--listen', hosts[ONE].address
        )  # fmt: skip
    finally:
        bed.run(ONE, ['tee', CONF], feed=before)
    lines = copied.splitlines()
    line = 1 + lines.index(f'server_listen = {hosts[TWO].address}')
    assert f'{CONF} line {line}' in told['conf-listen']['Way out']
    assert (refused.status, refused.rows[0]['Verdict']) == (3, 'conf-listen')
    assert given.status == 0, given
    assert 'server_listen is' in given.stderr
    assert states(clouds, 'domain-1') == [(ONE, 'ok')]


def test_a_missing_filter_comes_from_the_set_that_libvirt_brings(
    clouds, practice, hosts, server
):
    define(ONE, server, hosts[ONE].address, filter=CLEAN)
    assert states(clouds, 'domain-1') == [(ONE, 'ok')]
    virsh(ONE, 'nwfilter-undefine', CLEAN)
    [row] = checked(clouds, 'domain-1')
    assert (row['State'], CLEAN in row['Reason']) == ('filter-missing', True)
    done = repair(clouds, 'domain-1')
    assert (done.status, done.rows[0]['State']) == (0, 'done'), done
    assert CLEAN in virsh(ONE, 'nwfilter-list')
    assert states(clouds, 'domain-1') == [(ONE, 'ok')]


def test_a_filter_of_the_operators_own_comes_from_a_reference(
    clouds, practice, hosts, server
):
    virsh(TWO, 'nwfilter-define', '/dev/stdin', feed=OWN)
    define(ONE, server, hosts[ONE].address, filter='own')
    refused = repair(clouds, 'domain-1')
    assert (refused.status, refused.rows[0]['Verdict']) == (
        3,
        'filter-missing',
    )
    assert '--reference' in refused.rows[0]['Way out']
    try:
        done = repair(clouds, 'domain-1', '--reference', TWO)
        assert (done.status, done.rows[0]['State']) == (0, 'done'), done
        ours, theirs = (
            virsh(h, 'nwfilter-dumpxml', 'own') for h in (ONE, TWO)
        )
        assert ours == theirs
    finally:
        virsh(ONE, 'nwfilter-undefine', 'own', check=False)
        virsh(TWO, 'nwfilter-undefine', 'own')


OWN = """\
<filter name='own' chain='root'>
  <filterref filter='no-mac-spoofing'/>
  <filterref filter='allow-dhcp'/>
</filter>
"""


def test_a_filter_in_use_is_made_anew_in_place(
    clouds, practice, hosts, server
):
    bridge(ONE)
    define(ONE, server, hosts[ONE].address, start=True, filter=CLEAN)
    inside = virsh(ONE, 'nwfilter-undefine', CLEAN, check=False)
    before = virsh(ONE, 'nwfilter-list')
    virsh(
        ONE, 'nwfilter-define', '/dev/stdin',
        feed=f"<filter name='{CLEAN}' chain='root'>"
        f'<uuid>{filter_uuid(before)}</uuid></filter>',
    )  # fmt: skip
    assert 'filterref' not in virsh(ONE, 'nwfilter-dumpxml', CLEAN), inside
    done = repair(clouds, 'domain-1', '--recreate-filters')
    assert (done.status, done.rows[0]['State']) == (0, 'done'), done
    assert 'filterref' in virsh(ONE, 'nwfilter-dumpxml', CLEAN)
    assert virsh(ONE, 'nwfilter-list') == before
    assert state(ONE, server) == 'running'


def filter_uuid(text):
    rows = (line.split() for line in text.splitlines() if line.strip())
    return next(uuid for uuid, name in rows if name == CLEAN)


def test_of_a_host_strangers_are_told_and_a_stopped_libvirt_is_unknown(
    clouds, practice, hosts, server
):
    define(ONE, server, hosts[ONE].address)
    uuid = '00000000-0000-4000-8000-000000000001'
    xml = guest(uuid, 'of-nobody; reboot', hosts[ONE].address)
    virsh(ONE, 'define', '/dev/stdin', feed=xml)
    told = {row['State']: row for row in checked(clouds, '--host', ONE)}
    assert told['ok']['Name'] == 'domain-1'
    assert told['stranger']['Domain'] == 'of-nobody; reboot'
    sockets = [
        'libvirtd.socket',
        'libvirtd-ro.socket',
        'libvirtd-admin.socket',
    ]
    bed.run(ONE, ['systemctl', 'stop', *sockets, 'libvirtd.service'])
    try:
        silent = checked(clouds, 'domain-1')
        refused = repair(clouds, 'domain-1')
    finally:
        bed.run(ONE, ['systemctl', 'start', *sockets])
    assert {row['State'] for row in silent} == {'unknown'}
    assert 'libvirt does not answer' in silent[0]['Reason']
    assert (refused.status, refused.rows[0]['Verdict']) == (3, 'unknown')


NO_NAMES = ['$(reboot)', 'a\nb', 'no-such-server']


@pytest.mark.parametrize('name', ['--', *NO_NAMES])
def test_servers_that_are_none_fail_clearly(clouds, name):
    words = ['domain', 'check', '-f', 'json']
    done = recover(clouds, *words, '--', name, json_rows=False)
    assert (done.status, done.rows[0]['State']) == (3, 'refused')
    assert 'there is no server' in done.rows[0]['Reason']


# `--host=--` is a usage error, as for every option.
@pytest.mark.parametrize('name', NO_NAMES)
def test_hosts_that_are_none_fail_clearly(clouds, name):
    words = ['domain', 'check', '-f', 'json']
    done = recover(clouds, *words, f'--host={name}', json_rows=False)
    assert (done.status, done.rows[0]['State']) == (3, 'refused')
    assert 'no compute service' in done.rows[0]['Reason']
