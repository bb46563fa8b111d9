# SPDX-License-Identifier: Apache-2.0
"""The power goes while a domain is repaired: at the tool, or on a host.

Whatever the moment, a resume ends with all of it repaired, and what was there
before is kept.
"""

import time
from xml.etree import ElementTree

import pytest

from osc_recover import operations
from osc_recover.checks.request import DomainRepair
from osc_recover.effects import Control
from osc_recover.engine import Engine
from osc_recover.gateways.domains import Domains
from osc_recover.observe.domains import domains as observe
from osc_recover.procedures.domains import repair_domains, wanted_filters
from tests.power.virsh_hosts import FILTERS, SERVER, VirshHosts
from tests.power.world import Fuse, FusedJournal, PowerLoss
from tests.unit.virsh_double import OFF, domain_xml

REQUEST = DomainRepair((OFF,), reference='b')
RIGHT = domain_xml('127.0.0.1', filter='clean', dhcp='127.0.0.1')
# Of host a and b: two filters and a domain; one domain.
CHANGES = [('a', 1), ('a', 2), ('a', 3), ('b', 1)]


class Quick(Control):
    def wait(self, seconds):
        time.sleep(0.01)


def plan(hosts):
    seen = observe(hosts, Domains(hosts), [SERVER], ['a', 'b'])
    wanted = wanted_filters(seen, REQUEST)['a']
    had = {'a': Domains(hosts).filters('b', wanted)}
    return repair_domains(seen, had, REQUEST)


def start(hosts, folder, made=None):
    """A process of the tool: it opens the journal, and carries out."""
    journal = FusedJournal(folder / 'journal.sqlite')
    if made:
        journal.store(made, 'key', 'practice')
    [run] = journal.runs()
    FusedJournal.fuse = staticmethod(hosts.fuse)
    of_hosts = operations.of_hosts(
        hosts, hosts, run=run.id, watch=lambda *words: None,
        trap=lambda name: None, grace=0, timeout=60,
    )  # fmt: skip
    engine = Engine(
        journal, of_hosts.operations, of_hosts.guard, control=Quick()
    )
    try:
        return engine.carry_out(run.id, run.plan)
    finally:
        FusedJournal.fuse = staticmethod(lambda: None)
        journal.close()


def check(hosts, about=''):
    """That all is repaired, and what was there is kept, on each host."""
    a, b = hosts.a.virsh, hosts.b.virsh
    assert same(a.kept(OFF), RIGHT), about
    assert same(hosts.a.legacy.read_text(), RIGHT), about
    assert {a.defined(name) for name in FILTERS} == {
        b.defined(name) for name in FILTERS
    }, about
    assert not b.has(OFF), about
    for host in hosts.hosts.values():
        assert host.kept() == {hosts.wrong.strip()}, about
        assert not list((host.folder / 'run').iterdir()), about


def same(one, other):
    """Whether two XMLs say the same."""
    return ElementTree.canonicalize(one) == ElementTree.canonicalize(other)


def test_a_domain_is_repaired_and_a_second_time_nothing_is(folder):
    where = folder()
    hosts = VirshHosts(where)
    try:
        made = plan(hosts)
        assert start(hosts, where, made)
        check(hosts)
        assert start(hosts, folder(), made)
        check(hosts)
        assert hosts.a.changes() == ['nwfilter-define'] * 2 + ['define']
        assert hosts.b.changes() == ['undefine']
    finally:
        hosts.end()


def points(folder):
    """The plan, and how many points a whole run of it passes."""
    hosts = VirshHosts(folder)
    made = plan(hosts)
    hosts.fuse = Fuse()
    try:
        assert start(hosts, folder, made)
        return made, hosts.fuse.count
    finally:
        hosts.end()


def test_a_tool_that_is_killed_finishes_wherever_that_was(folder):
    made, most = points(folder())
    assert most > 20
    for cut in range(1, most + 1):
        where = folder()
        hosts = VirshHosts(where)
        hosts.fuse = Fuse(cut)
        try:
            with pytest.raises(PowerLoss):
                start(hosts, where, made)
            hosts.end()
            hosts.fuse = lambda: None
            assert start(hosts, where, None if stored(where) else made), cut
            check(hosts, cut)
        finally:
            hosts.end()


def stored(folder):
    journal = FusedJournal(folder / 'journal.sqlite')
    try:
        return journal.runs()
    finally:
        journal.close()


@pytest.mark.parametrize('when', ['before', 'after'])
@pytest.mark.parametrize('host, change', CHANGES)
def test_a_host_that_loses_its_power_at_a_change_is_finished(
    folder, host, change, when
):
    where = folder()
    hosts = VirshHosts(where)
    made = plan(hosts)
    hosts.hosts[host].cut_at(change, when)
    try:
        # It may be back, and all be done, before the tool gives it up.
        whole = start(hosts, where, made)
        assert hosts.hosts[host].was_cut()
        empty(hosts)
        assert whole or start(hosts, where)
        check(hosts)
    finally:
        hosts.end()


def empty(hosts):
    """What a boot empties."""
    for host in hosts.hosts.values():
        for left in (host.folder / 'run').iterdir():
            left.rename(host.folder / f'gone-{left.name}')
