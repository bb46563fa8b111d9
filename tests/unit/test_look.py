# SPDX-License-Identifier: Apache-2.0
"""Many servers are read with one list, and none is judged by an old one."""

import dataclasses

import pytest

from osc_recover import errors
from osc_recover.operations.look import Looks
from tests.unit.situations import server

NAMES = [f's{n}' for n in range(5)]
TIMES = [f'2026-11-24T21:40:0{n}Z' for n in range(5)]


class Nova:
    """Servers, and what was asked for."""

    def __init__(self):
        self.servers = {
            name: server(name, updated=time)
            for name, time in zip(NAMES, TIMES, strict=True)
        }
        self.single, self.since = [], []

    def server(self, name):
        self.single.append(name)
        if name not in self.servers:
            raise errors.Gone('nova', f'GET {name}', 'not found', 404)
        return self.servers[name]

    def servers_changed(self, since):
        self.since.append(since)
        found = self.servers.values()
        return tuple(s for s in found if s.updated >= since)


def test_the_first_look_asks_for_one_to_know_since_when():
    nova = Nova()
    assert Looks(nova)(['s4', *NAMES]) == nova.servers
    assert (nova.single, nova.since) == (['s4'], ['2026-11-24T21:39:54Z'])


def test_a_first_look_at_deleted_servers_only_finds_none():
    nova = Nova()
    nova.servers.clear()
    assert Looks(nova)(NAMES) == dict.fromkeys(NAMES)
    assert nova.since == []


def test_later_looks_ask_for_what_has_changed_since_with_a_margin():
    nova = Nova()
    looks = Looks(nova)
    looks(['s4'])
    nova.single.clear()
    assert looks(NAMES) == nova.servers
    assert nova.since == ['2026-11-24T21:39:54Z']
    assert nova.single == []


def test_what_the_list_lacks_is_asked_for_by_itself():
    nova = Nova()
    looks = Looks(nova)
    looks(NAMES)
    nova.single.clear()
    late = dataclasses.replace(nova.servers['s1'], updated='2026-11-01T00:00Z')
    nova.servers['s1'] = late
    assert looks(NAMES)['s1'] == late
    assert nova.single == ['s1']


def test_two_servers_are_not_worth_a_list():
    nova = Nova()
    looks = Looks(nova)
    looks(NAMES)
    nova.since.clear()
    looks(['s0', 's1'])
    assert nova.since == []


@pytest.mark.parametrize('how', ['gone', 'listed as deleted'])
def test_a_deleted_server_is_none(how):
    nova = Nova()
    looks = Looks(nova)
    looks(['s4'])
    if how == 'gone':
        del nova.servers['s2']
    else:
        nova.servers['s2'] = server(
            's2', status='DELETED', updated='2026-11-24T21:40:09Z'
        )
    found = looks(NAMES)
    assert found['s2'] is None
    assert found['s3'] == nova.servers['s3']
