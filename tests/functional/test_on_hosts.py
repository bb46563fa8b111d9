# SPDX-License-Identifier: Apache-2.0
"""Commands on real hosts, which run the practice cloud's nova-compute.

These tests take the bed of this machine: one that is up goes down.
"""

import pytest

from tests.hosts import bed
from tests.practice import database, reached, recover

pytestmark = pytest.mark.functional

ONE, TWO = 'cmp1', 'cmp2'
UNIT = 'nova-compute.service'


@pytest.fixture
def clouds(clean, hosts, tmp_path):
    for host in hosts:
        clean.heal(host)
    return reached(tmp_path, hosts)


def shown(host, what):
    done = bed.run(host, ['systemctl', 'show', '-P', what, UNIT])
    return done.stdout.strip()


def rows(done):
    return {(row['Host'], row['Service']): row for row in done.rows}


def test_services_are_listed_as_the_host_and_nova_see_them(clouds):
    done = recover(clouds, 'service', 'list', ONE)
    assert done.status == 0, done.stderr
    told = rows(done)[ONE, UNIT]
    assert (told['Kind'], told['State'], told['Nova']) == (
        'unit',
        'active',
        'up',
    )
    assert rows(done)[ONE, 'libvirtd.socket']['State'] == 'active'


def test_a_stop_is_what_nova_sees_as_down_and_a_start_as_up(clouds, practice):
    done = recover(clouds, 'service', 'stop', TWO, '--yes')
    assert done.status == 0, done
    assert (done.rows[0]['Name'], done.rows[0]['State']) == (TWO, 'done')
    # nova-compute may take longer to end than systemd waits.
    assert shown(TWO, 'ActiveState') in ('inactive', 'failed')
    practice.until(
        lambda: practice.service(TWO)['state'] == 'down', 'seen as down'
    )
    again = recover(clouds, 'service', 'stop', TWO, '--yes')
    assert (again.status, again.rows[0]['Verdict']) == (3, 'nothing')
    done = recover(clouds, 'service', 'start', TWO, '--yes')
    assert done.status == 0, done
    assert done.rows[0]['Reason'] == 'nova sees it up'
    assert practice.service(TWO)['state'] == 'up'


def test_a_restart_is_a_new_process_and_needs_approval(clouds):
    refused = recover(clouds, 'service', 'restart', ONE)
    assert refused.status == 3
    before = shown(ONE, 'MainPID')
    dry = recover(clouds, 'service', 'restart', ONE, '--dry-run')
    assert (dry.status, shown(ONE, 'MainPID')) == (0, before)
    done = recover(clouds, 'service', 'restart', ONE, TWO, '--yes')
    assert done.status == 0, done
    assert {row['State'] for row in done.rows} == {'done'}
    assert shown(ONE, 'MainPID') not in (before, '0')


def test_a_start_that_would_destroy_a_guest_is_refused(clouds, practice):
    (server,) = practice.boot(['trapped-1'], ONE)
    practice_fail(practice, ONE)
    practice.action(server, evacuate={'host': TWO})
    practice.until(
        lambda: practice.server(server)['OS-EXT-SRV-ATTR:host'] == TWO,
        'evacuated',
    )
    # As after a move back by hand: the record off this host is still done.
    move_back(server, ONE)
    done = recover(clouds, 'service', 'start', ONE, '--yes')
    assert (done.status, done.rows[0]['Verdict']) == (3, 'evacuated-back')
    assert 'destroys its guest' in done.rows[0]['Reason']
    assert shown(ONE, 'ActiveState') != 'active'
    move_back(server, TWO)
    planned = recover(clouds, 'service', 'start', ONE, '--dry-run')
    run = planned.stderr.partition('; plan ')[2].partition(';')[0]
    move_back(server, ONE)
    done = recover(clouds, 'run', 'start', run, '--yes')
    assert done.status == 3, done
    assert shown(ONE, 'ActiveState') != 'active'
    move_back(server, TWO)
    assert recover(clouds, 'service', 'start', ONE, '--yes').status == 0


def practice_fail(practice, host):
    """Its nova-compute is stopped, and nova is told that it is down."""
    bed.run(host, ['systemctl', 'stop', UNIT])
    practice.put_service(host, forced_down=True)


def move_back(server, host):
    with database() as nova, nova.cursor() as cursor:
        cursor.execute(
            'UPDATE instances SET host = %s, node = %s WHERE uuid = %s',
            (host, host, server),
        )


def test_numbers_that_differ_are_found_and_proposed(clouds, hosts):
    bed.run(TWO, ['groupmod', '-g', '777', 'kvm'])
    try:
        done = recover(clouds, 'ownership', 'check', ONE, TWO)
    finally:
        bed.run(TWO, ['groupmod', '-g', kvm(ONE), 'kvm'])
    assert done.status == 1
    told = {(row['Host'], row['Account']): row for row in done.rows}
    assert told[ONE, 'nova']['State'] == 'ok'
    assert {told[ONE, 'kvm']['State'], told[TWO, 'kvm']['State']} == {
        'ok',
        'differs',
    }
    assert recover(clouds, 'ownership', 'check', ONE, TWO).status == 0


def kvm(host):
    return bed.run(host, ['getent', 'group', 'kvm']).stdout.split(':')[2]


def test_sudo_without_and_with_a_password(clean, hosts, tmp_path):
    clouds = reached(tmp_path, hosts, {'user': 'operator', 'sudo': True})
    done = recover(clouds, 'setup', 'check')
    told = {row['Check']: row for row in done.rows}
    assert 'by sudo' in told[f'ssh {ONE}']['Detail']
    clouds = reached(tmp_path, hosts, {'user': 'nosudo', 'sudo': True})
    done = recover(clouds, 'setup', 'check')
    told = {row['Check']: row for row in done.rows}
    assert told[f'ssh {ONE}']['State'] == 'broken'
    assert 'asks user nosudo for a password' in told[f'ssh {ONE}']['Detail']
