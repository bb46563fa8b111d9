# SPDX-License-Identifier: Apache-2.0
"""Database, API and libvirt side by side: facts in, rows out."""

import dataclasses

import pytest

from osc_recover.checks.instances.hosts import further, rows
from osc_recover.facts import (
    CellGap,
    Domain,
    HostDomains,
    HostSeen,
    Placed,
    Server,
)

ROW = Placed('cell1', 'a', 1, 'web-1', 'cmp1', 'n1', 'active', 1)
ELSEWHERE = dataclasses.replace(ROW, host='cmp2')
SERVER = Server('a', 'web-1', 'cmp1')
DOMAIN = Domain('cmp1', 'a', 'instance-00000001', 'running', True)
OFF = dataclasses.replace(DOMAIN, state='shut off')
GAP = CellGap('cell2', 'no route', 'see the cable')


def seen(placed=(ROW,), servers=(SERVER,), domains=(DOMAIN,), **values):
    told = None if domains is None else HostDomains('cmp1', domains)
    return HostSeen(
        'cmp1', placed, servers=servers, domains=told, **values
    )  # fmt: skip


def states(row):
    return (row.database, row.api, row.libvirt, row.state)


def test_where_all_three_agree():
    [row] = rows(seen())
    assert (row.server, row.name, row.host, row.cell) == (
        'a', 'web-1', 'cmp1', 'cell1'
    )  # fmt: skip
    assert states(row) == (
        'active, RUNNING',
        'active, RUNNING',
        'running',
        'ok',
    )


def test_a_host_without_ssh_is_not_asked():
    [row] = rows(seen(domains=None))
    assert (row.libvirt, row.state) == ('?', 'ok')


STOPPED = dataclasses.replace(ROW, vm_state='stopped', power_state=4)


@pytest.mark.parametrize(
    'found, state, told',
    [
        (seen(servers=()), 'not-in-api', 'the API does not'),
        (seen(placed=(), domains=()), 'not-in-database', 'the API has it'),
        (seen(placed=(), domains=(), elsewhere=(ELSEWHERE,)),
         'not-in-database', 'on cmp2'),
        (seen(placed=(), servers=(), elsewhere=(ELSEWHERE,)),
         'runs-elsewhere', 'on cmp2'),
        (seen(placed=(), servers=(), elsewhere=(ELSEWHERE,), domains=(OFF,)),
         'stale', 'on cmp2'),
        (seen(placed=(), servers=(),
              elsewhere=(dataclasses.replace(ROW, deleted=True),)),
         'stranger', 'no such server'),
        (seen(placed=(), servers=()), 'stranger', 'no such server'),
        (seen(domains=(OFF,)), 'not-running', 'no guest of it'),
        (seen(domains=()), 'not-running', 'no guest of it'),
        (seen(placed=(STOPPED,), servers=None), 'guest-on', 'ends the guest'),
        (seen(placed=(STOPPED,), domains=()), 'states-differ', 'just'),
        (seen(placed=(dataclasses.replace(ROW, vm_state='error'),),
              servers=None, domains=(OFF,)),
         'states-differ', 'libvirt shut off'),
    ],
)  # fmt: skip
def test_what_disagrees_is_one_row_with_a_way_out(found, state, told):
    [row] = [row for row in rows(found) if row.server]
    assert row.state == state
    assert told in row.reason
    assert row.way_out


def test_a_guest_that_another_host_has_as_well_is_in_two_places():
    home = HostDomains('cmp2', (dataclasses.replace(DOMAIN, host='cmp2'),))
    left = {'placed': (), 'servers': (), 'elsewhere': (ELSEWHERE,)}
    [row] = rows(seen(**left, beside=(home,)))
    assert (row.host, row.state) == ('cmp1', 'two-places')
    assert 'both may write' in row.reason
    [own] = rows(seen(beside=(home,)))
    assert own.state == 'ok'


def test_a_guest_that_is_moved_may_be_on_both_hosts():
    moving = dataclasses.replace(ELSEWHERE, task_state='migrating')
    [row] = rows(seen(placed=(), servers=(), elsewhere=(moving,)))
    assert (row.state, row.reason) == ('ok', 'nova is at it: migrating')


def test_the_source_of_a_resize_is_only_noted():
    kept = dataclasses.replace(ELSEWHERE, vm_state='resized')
    [row] = rows(
        seen(placed=(), servers=(), elsewhere=(kept,), domains=(OFF,))
    )
    assert row.state == 'ok'
    assert 'until the resize is confirmed' in row.reason


def test_while_nova_is_at_work_they_may_differ():
    busy = dataclasses.replace(ROW, task_state='rebooting')
    [row] = rows(seen(placed=(busy,), domains=(OFF,)))
    assert (row.state, row.database) == ('ok', 'active, rebooting, RUNNING')
    assert 'rebooting' in row.reason


def test_a_silent_cell_is_a_row_and_the_others_are_shown():
    other = Server('b', 'web-2', 'cmp1')
    found = seen(servers=(SERVER, other), gaps=(GAP,))
    first, second, gap = rows(found)
    assert first.state == 'ok'
    assert (second.server, second.database, second.state) == (
        'b', '?', 'unknown'
    )  # fmt: skip
    assert (gap.cell, gap.state, gap.reason, gap.way_out) == (
        'cell2', 'unknown', 'no route', 'see the cable'
    )  # fmt: skip


def test_a_domain_that_a_silent_cell_may_have_is_no_stranger():
    [row, _] = rows(seen(placed=(), servers=(), gaps=(GAP,)))
    assert row.state == 'unknown'


def test_a_silent_api_and_a_silent_host_are_rows():
    found = HostSeen(
        'cmp1', (ROW,), domains=HostDomains('cmp1', (), 'refused', 'see sshd'),
        silent=CellGap('nova', 'away', 'see nova-api'),
    )  # fmt: skip
    row, api, host = rows(found)
    assert states(row) == ('active, RUNNING', '?', '?', 'ok')
    assert (api.api, api.reason, api.way_out) == ('?', 'away', 'see nova-api')
    assert (host.libvirt, host.reason) == ('?', 'refused')
    assert {api.state, host.state} == {'unknown'}


def test_cells_are_asked_about_what_only_others_have():
    stray = dataclasses.replace(DOMAIN, uuid='c')
    found = seen(servers=(SERVER, Server('b', 'x', 'cmp1')), domains=(stray,))
    assert further(found) == ['b', 'c']
