# SPDX-License-Identifier: Apache-2.0
"""Guests that are asked over SSH, knocked at, and rebooted from inside."""

import os
import socket
import subprocess
import threading

import pytest

from osc_recover import errors
from osc_recover.agent import errors as agent_errors
from osc_recover.agent import guest as agent
from osc_recover.agent import hello, run
from osc_recover.effects import Control, Cut
from osc_recover.facts.guests import GuestBoot
from osc_recover.gateways.guest_addresses import address_of, floating_of
from osc_recover.gateways.guests import Guests
from osc_recover.operations.guests import Patience, Reached, Reboot
from osc_recover.plan import Step
from osc_recover.settings import HostAddress, Settings, SshSettings
from tests.unit import service_double, sshd
from tests.unit.guest_machine import Guest
from tests.unit.kept import InMemory
from tests.unit.service_double import Answer

REACHED = Step('reached:s1', 'guest.reached', 's1', {'name': 'web'})
REBOOT = Step('guest:s1', 'guest.reboot', 's1', {'name': 'web'})


def tell(event):
    raise AssertionError(event)


# The program in a guest


@pytest.fixture
def inside(tmp_path, monkeypatch):
    """The program, in a guest that is a folder."""
    made = Guest(tmp_path / 'guest')
    monkeypatch.setattr(run, 'PATH', f'{made.folder}/bin:/usr/bin:/bin')
    monkeypatch.setattr(hello, '_BOOT_ID', str(made.folder / 'boot_id'))
    monkeypatch.setattr(agent, '_UPTIME', str(made.folder / 'uptime'))
    monkeypatch.setattr(agent, '_FIRST', str(made.folder / 'stat'))
    return made


def test_a_guest_tells_its_boot_and_how_old_it_is(inside):
    (inside.folder / 'uptime').write_text('900.50 1.0\n')
    ticks = 300 * os.sysconf('SC_CLK_TCK')
    words = ['1', '(a ) b)', 'S', *['0'] * 18, str(ticks), '0']
    (inside.folder / 'stat').write_text(' '.join(words))
    told = {'boot_id': inside.boot_id, 'up_for': 600}
    assert agent.boot({}, tell) == told


@pytest.mark.parametrize('stat', ['', 'a b', '1 (init) S 0'])
def test_a_guest_that_does_not_know_its_age_says_so(inside, stat):
    (inside.folder / 'stat').write_text(stat)
    assert agent.boot({}, tell)['up_for'] is None


def test_it_ends_the_boot_that_is_meant_and_no_other(inside):
    was = inside.boot_id
    assert agent.reboot({'boot': was}, tell) == {}
    assert inside.shutdowns() == ['-r now']
    assert inside.boot_id != was
    with pytest.raises(agent_errors.Refused) as caught:
        agent.reboot({'boot': was}, tell)
    assert caught.value.code == 'booted-anew'
    assert inside.shutdowns() == ['-r now']


def test_a_shutdown_that_says_no_is_told(inside):
    (inside.folder / 'bin' / 'shutdown').write_text('#!/bin/sh\nexit 3\n')
    with pytest.raises(agent_errors.Refused) as caught:
        agent.reboot({'boot': inside.boot_id}, tell)
    assert caught.value.code == 'program-failed'


# Addresses


def nova(*networks):
    """A nova whose server s1 has these addresses, a map a network."""
    told = {'server': {'addresses': dict(networks)}}

    def answer(request):
        if request.path != '/servers/s1':
            return Answer(404)
        return Answer(body=told)

    return service_double.serving(answer)


def fixed(address):
    return {'addr': address, 'version': 4, 'OS-EXT-IPS:type': 'fixed'}


def floating(address):
    return {**fixed(address), 'OS-EXT-IPS:type': 'floating'}


@pytest.mark.parametrize(
    'networks, address, outside',
    [
        ([], '', ''),
        ([('net', [])], '', ''),
        ([('net', [fixed('10.0.0.1'), fixed('10.0.0.2')])], '10.0.0.1', ''),
        (
            [('a', [fixed('10.0.0.1')]),
             ('b', [fixed('10.1.0.1'), floating('192.0.2.1')])],
            '192.0.2.1', '192.0.2.1',
        ),
        ([('net', [{'addr': '10.0.0.1'}])], '10.0.0.1', ''),
    ],
)  # fmt: skip
def test_a_floating_address_goes_before_the_first(networks, address, outside):
    with nova(*networks) as service:
        api = service_double.api(service.url)
        assert address_of(api, 's1') == address
        assert floating_of(api, 's1') == outside


def test_the_address_of_a_server_that_is_gone():
    with nova() as service, pytest.raises(errors.Gone):
        address_of(service_double.api(service.url), 's2')


def test_an_answer_that_nobody_understands_is_an_error():
    with nova(('net', [{'version': 4}])) as service:
        with pytest.raises(errors.ApiError):
            address_of(service_double.api(service.url), 's1')


# Knocked at


def reached(guests, *, timeout=0.0, kept=None, control=None):
    patience = Patience(
        control or Control(), workers=1, timeout=timeout, pause=0.01
    )
    step = Reached(guests, kept or InMemory(), patience)
    return step.follow(REACHED, Control())


def test_without_a_floating_address_nobody_is_asked():
    with nova(('net', [fixed('127.0.0.1')])) as service:
        guests = Guests(service_double.api(service.url), Settings())
        told = reached(guests)
    assert told.note == 'not asked: it has no floating address'
    assert not told.data


def test_an_open_and_a_closed_port_are_both_signs_of_life():
    with nova(('net', [floating('127.0.0.1')])) as service:
        guests = Guests(service_double.api(service.url), Settings())
        with socket.create_server(('127.0.0.1', 0)) as open_:
            port = open_.getsockname()[1]
            assert guests.knock('s1', port) == ''
        assert guests.knock('s1', port) == ''
        assert 'something answers' in reached(guests).note


def test_an_address_that_is_silent_is_told_and_is_no_failure():
    # No connection can be made to this one (RFC 919).
    with nova(('net', [floating('255.255.255.255')])) as service:
        guests = Guests(service_double.api(service.url), Settings())
        told = reached(guests)
    assert '255.255.255.255 port 22' in told.data['warning']
    assert 'do not reboot it a second time' in told.data['warning']
    assert told.data['way_out'] == 'openstack console log show s1'


def test_a_server_that_was_deleted_is_a_failure():
    with service_double.serving(lambda request: Answer(404)) as service:
        guests = Guests(service_double.api(service.url), Settings())
        with pytest.raises(errors.StepFailed) as caught:
            reached(guests)
    assert 'deleted' in caught.value.sentence


def test_a_nova_that_is_down_is_no_answer_of_the_guest():
    with service_double.serving(lambda request: Answer(503)) as service:
        guests = Guests(service_double.api(service.url), Settings())
        assert '503' in reached(guests).data['warning']


# Over SSH


@pytest.fixture(scope='module')
def machine(tmp_path_factory):
    """A guest with an sshd, for all of these tests."""
    if os.geteuid() or subprocess.run(['unshare', '-m', 'true']).returncode:
        pytest.skip('a guest has a mount namespace of its own: needs root')
    made = Guest(tmp_path_factory.mktemp('guest') / 'machine')
    where = made.folder / 'ssh'
    with sshd.running(where, program=made.program()) as server:
        yield made, server


@pytest.fixture
def guest(machine):
    """The guest, and the gateway that reaches it as s1."""
    made, server = machine
    made.boot(60)
    (made.folder / 'shutdowns').unlink(missing_ok=True)
    yield made, over(server.settings('s1'))
    for word in ('cuts', 'stuck'):
        (made.folder / word).unlink(missing_ok=True)


def over(ssh):
    """Guests as they are reached with these settings; nova is not asked."""
    return Guests(None, Settings(guests=ssh))


def rebooting(guests, kept, timeout=0.0):
    patience = Patience(Control(), workers=1, timeout=timeout, pause=0.01)
    return Reboot(guests, kept, patience)


class Late:
    """A guest that is back from its reboot when it is asked once more."""

    known = True

    def __init__(self):
        self.silent, self.asked = True, []

    def boot(self, server):
        if self.silent:
            self.silent = False
            raise errors.HostSilent(server, 'it is silent', 'wait')
        return GuestBoot('second', 30)

    def reboot(self, server, boot):
        self.asked.append(boot)


def test_one_that_is_back_right_after_it_was_given_up_is_left():
    guests, kept = Late(), InMemory(**{'start:s1': 900.0})
    kept.keep(REBOOT, {'boot': 'first'})
    reboot = rebooting(guests, kept)
    assert reboot.in_effect(REBOOT) is None
    assert reboot.apply(REBOOT).note == 'it had rebooted by then'
    assert guests.asked == []
    assert reboot.follow(REBOOT, Control()).data == {'boot': 'second'}


def test_one_that_was_deleted_since_its_reboot_is_no_doubt():
    kept = InMemory()
    kept.keep(REBOOT, {'boot': 'first'})
    with service_double.serving(lambda request: Answer(404)) as service:
        api = service_double.api(service.url)
        guests = Guests(api, Settings(guests=SshSettings(user='root')))
        with pytest.raises(errors.StepFailed, match='deleted'):
            rebooting(guests, kept).in_effect(REBOOT)


def test_a_guest_that_answers_is_reached(guest):
    made, guests = guest
    told = reached(guests)
    assert told.note == 'answers over SSH'
    assert told.data == {'boot': made.boot_id}


def test_what_is_older_than_the_start_is_not_this_guest(guest):
    made, guests = guest
    made.boot(10**6)
    kept = InMemory(**{'start:s1': 1000.0})
    told = reached(guests, kept=kept)
    assert 'longer than the 1000 s since its start' in told.data['warning']
    with pytest.raises(errors.StepFailed) as caught:
        rebooting(guests, kept).apply(REBOOT)
    assert 'longer than' in caught.value.sentence
    assert made.shutdowns() == []
    assert not kept.facts
    made.boot(1010)
    assert reached(guests, kept=kept).note == 'answers over SSH'


def test_one_that_cannot_be_asked_is_alive_all_the_same(guest, tmp_path):
    _, guests = guest
    (tmp_path / 'known_hosts').write_text('')
    [at] = guests._settings.guests.hosts
    ssh = SshSettings(
        user='root', config_file=tmp_path / 'none',
        known_hosts=tmp_path / 'known_hosts', hosts=(at,),
    )  # fmt: skip
    told = reached(over(ssh), timeout=60.0)
    assert told.data['warning'].startswith('something answers at its address')
    assert 'is not known' in told.data['warning']


@pytest.mark.parametrize(
    'at, said', [('', 'no address'), ('nowhere.invalid', 'no address')]
)
def test_one_without_an_address_is_not_asked(at, said):
    hosts = (HostAddress('s1', at),) if at else ()
    ssh = SshSettings(user='root', hosts=hosts)
    with nova(('net', [])) as service:
        api = service_double.api(service.url)
        told = reached(Guests(api, Settings(guests=ssh)), timeout=60.0)
    assert told.data['warning'].startswith('not asked: ')
    assert said in told.data['warning']


def test_a_guest_where_nothing_listens_is_told_in_the_end():
    address = HostAddress('s1', '127.0.0.1', sshd.free_port())
    told = reached(over(SshSettings(user='root', hosts=(address,))))
    assert 'refuses the connection' in told.data['warning']


def test_a_look_at_a_guest_ends_when_the_run_is_cut():
    address = HostAddress('s1', '127.0.0.1', sshd.free_port())
    control = Control()
    threading.Timer(0.1, control.cut).start()
    with pytest.raises(Cut):
        reached(
            over(SshSettings(user='root', hosts=(address,))),
            timeout=60.0,
            control=control,
        )


# Rebooted


@pytest.mark.parametrize('cuts', [False, True])
def test_a_guest_is_rebooted_once_and_is_back(guest, cuts):
    made, guests = guest
    was, kept = made.boot_id, InMemory()
    if cuts:
        (made.folder / 'cuts').touch()
    reboot = rebooting(guests, kept)
    assert reboot.in_effect(REBOOT) is False
    reboot.apply(REBOOT)
    assert kept.of(REBOOT) == {'boot': was}
    told = reboot.follow(REBOOT, Control())
    assert told.data == {'boot': made.boot_id}
    assert made.boot_id != was
    assert reboot.in_effect(REBOOT) is True
    assert made.shutdowns() == ['-r now']


def test_one_that_booted_by_itself_meanwhile_is_not_rebooted(guest):
    made, guests = guest
    reboot = rebooting(guests, kept := InMemory())
    kept.keep = lambda step, data: (
        InMemory.keep(kept, step, data), made.boot(1)
    )  # fmt: skip
    reboot.apply(REBOOT)
    assert made.shutdowns() == []
    assert reboot.follow(REBOOT, Control()).data == {'boot': made.boot_id}


def test_one_that_does_not_go_down_is_told_and_not_asked_for_another(guest):
    made, guests = guest
    (made.folder / 'stuck').touch()
    reboot = rebooting(guests, InMemory())
    reboot.apply(REBOOT)
    with pytest.raises(errors.StepFailed) as caught:
        reboot.follow(REBOOT, Control())
    assert 'has not gone down yet' in caught.value.sentence
    assert made.shutdowns() == ['-r now']


def test_nobody_can_tell_while_it_is_away():
    address = HostAddress('s1', '127.0.0.1', sshd.free_port())
    kept = InMemory()
    kept.keep(REBOOT, {'boot': 'b1'})
    guests = over(SshSettings(user='root', hosts=(address,)))
    reboot = rebooting(guests, kept)
    assert reboot.in_effect(REBOOT) is None
    with pytest.raises(errors.StepFailed) as caught:
        reboot.apply(REBOOT)
    assert 'refuses the connection' in caught.value.sentence
    with pytest.raises(errors.StepFailed) as caught:
        reboot.follow(REBOOT, Control())
    assert 'is not back after' in caught.value.sentence
