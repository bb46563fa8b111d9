# SPDX-License-Identifier: Apache-2.0
"""A move that was cut off and taken back leaves the rows as they were.

But for a closed list: what nova and cinder keep of the past.
"""

import dataclasses
import math
import re

import pytest

from tests import practice as lib
from tests.cloud import lab
from tests.functional import twins
from tests.functional.line import Line
from tests.functional.planted_rows import one, put
from tests.oracle import reading
from tests.oracle.allowed import idle, remaining
from tests.oracle.comparing import compare
from tests.oracle.evacuations import UNDONE
from tests.oracle.shares import Index, Share, touched

pytestmark = pytest.mark.functional

TARGET = 'cmp2'
WORDS = ('--method', 'database', '--target', TARGET, '--many-down')
WORDS += ('--fenced', 'its power was seen off', '--no-agent', '--yes')
# Of this one cinder knows how the target is let in to volumes.
THERE = twins.Kind('there', data=1, host=TARGET)

BIND = 'neutron PUT /ports/{id}'
# What the run comes to, and the call that is the first to fail.
CUTS = {
    'room': (BIND, 1),
    'one port': (BIND, 2),
    'ports': ('', 0),
    'record': ('cinder POST /attachments', 1),
    'mapping': ('cinder DELETE /attachments/{id}', 1),
    'detached': ('cinder PUT /attachments/{id}', 1),
    'exported': ('cinder POST /attachments/{id}/action os-complete', 1),
    'volumes': ('placement PUT /allocations/{id}', 2),
}
KINDS = [twins.Kind(re.sub(r'\W', '-', cut), data=1, ports=2) for cut in CUTS]


@pytest.fixture(scope='module')
def line(clean, tmp_path_factory):
    """Servers on a dead host, and a proxy before what moves them."""
    with lib.shared_disks():
        made = Line(
            twins.SOURCE,
            tmp_path_factory.mktemp('undo'),
            request_timeout=5,
            database=lib.database_urls(),
        )
        made.servers = twins.boot(clean, [*KINDS, THERE], ['one'])['one']
        twins.fail(clean)
        with made.proxy:
            yield made


@dataclasses.dataclass
class Case:
    """One cut: how the commands ended, and the shares of the server."""

    server: str
    done: lib.Done
    between: Share
    back: lib.Done
    before: Share
    after: Share | None = None


@pytest.fixture(scope='module')
def undone(line, clean):
    """Each cut, taken back."""
    servers = [line.servers[kind.name] for kind in KINDS]
    before = twins.settled(clean, servers)
    found = {
        cut: play(line, cut, before[server])
        for cut, server in zip(CUTS, servers, strict=True)
    }
    after = twins.settled(clean, servers)
    for case in found.values():
        case.after = after[case.server]
    return found


def play(line, cut, before):
    done = cut_off(line, cut, before.server)
    line.proxy.clear()
    between = Index(reading.snapshot()).share(before.server)
    found = re.search(r'^run (\w+) on', done.stderr, re.M)
    assert found, done
    back = line.recover('run', 'undo', found[1], '--yes')
    return Case(before.server, done, between, back, before)


def cut_off(line, cut, server):
    kind, first = CUTS[cut]
    if kind:
        fault = line.proxy.inject(
            kind, '503', stage='run', first=first, times=math.inf
        )
        done = line.recover('server', server, *WORDS)
        assert fault.done, f'{kind} was not called: {done}'
        return done
    # The record itself: another has changed it, once the ports are bound.
    was = one('nova.instances', uuid=server)['power_state']

    def meddle(call):
        if call.kind == BIND:
            put('nova.instances', {'uuid': server}, power_state=6)

    line.proxy.on_call = meddle
    done = line.recover('server', server, *WORDS)
    line.proxy.on_call = lambda call: None
    put('nova.instances', {'uuid': server}, power_state=was)
    return done


@pytest.mark.parametrize('cut', CUTS)
def test_it_was_cut_off_with_something_done(undone, cut):
    case = undone[cut]
    assert case.done.status == 1, case.done
    assert compare(case.before, case.between)


@pytest.mark.parametrize('cut', CUTS)
def test_taken_back_the_rows_are_as_they_were(undone, cut):
    case = undone[cut]
    assert case.back.status == 0, case.back
    found = remaining(compare(case.before, case.after), UNDONE)
    assert not found, '\n'.join(map(str, found))


@pytest.mark.parametrize('cut', CUTS)
def test_taken_back_its_own_row_has_the_times_of_before(undone, cut):
    found = touched(undone[cut].before, undone[cut].after)
    own = {name for name in found if name.startswith('nova.instances.')}
    assert own <= {'nova.instances.updated_at'}


def test_nothing_is_allowed_that_is_not_needed(undone):
    found = [
        difference
        for case in undone.values()
        for difference in compare(case.before, case.after)
    ]
    assert not idle(found, UNDONE)


def test_the_host_that_returns_keeps_the_guests(undone, line, clean):
    """No record may be left that has nova-compute destroy them."""
    clean.heal(twins.SOURCE)
    held = lab.guests()[twins.SOURCE]
    for cut, kind in zip(CUTS, KINDS, strict=True):
        server = line.servers[kind.name]
        assert server in held, cut
        clean.until(lambda key=server: rebooting(clean, key), 'rebooting')
        clean.wait(server, 'ACTIVE')
    assert not lab.twice()


def rebooting(practice, server):
    """Whether nova has taken a reboot; it may be stopping the server.

    Its power sync does so when it finds the guest off, as it is after the
    host was (nova/compute/manager.py, _sync_instance_power_state).
    """
    if practice.server(server)['OS-EXT-STS:task_state']:
        return False
    try:
        practice.action(server, reboot={'type': 'HARD'})
    except AssertionError as refused:
        if 'powering-off' in str(refused):
            return False
        raise
    return True
