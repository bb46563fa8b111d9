# SPDX-License-Identifier: Apache-2.0
"""An audit over real requests: complete, cheap, honest, and guarded."""

import argparse
import contextlib
import dataclasses
from collections import Counter

import pytest

from osc_recover import errors, operations, outcome
from osc_recover.checks import audit
from osc_recover.checks.request import AuditFix
from osc_recover.commands.audit import MIN_AGE, RecoverAudit, seconds
from osc_recover.effects import Control
from osc_recover.facts import Domain, HostDomains
from osc_recover.facts.audit import Gap
from osc_recover.gateways import inventory
from osc_recover.gateways.database import Databases
from osc_recover.gateways.database.sources import Sources
from osc_recover.journal import Journal
from osc_recover.observe.audit import everything
from osc_recover.plan import Plan
from osc_recover.procedures.audit import mend
from osc_recover.recovery.audit import AuditOfCloud
from osc_recover.recovery.requests import Requests
from osc_recover.recovery.runs import RunsOfCloud
from osc_recover.settings import Settings
from tests.unit import crooked_cloud
from tests.unit.crooked_cloud import (
    DATA,
    DB,
    DOUBLE,
    DRAINED,
    FREE,
    GONE,
    LEFT,
    PORT,
    RESERVED,
    STUCK,
    WEB,
    Crooked,
)

PLANTED = {
    ('volume-wedged', STUCK),
    ('volume-wedged', FREE),
    ('attachment-of-nobody', LEFT),
    ('attachment-reserved', RESERVED),
    ('wedged-task', WEB),
    ('port-elsewhere', PORT),
    ('double-allocation', DOUBLE),
    ('orphan-allocation', GONE),
}
CONTROL = Control()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr('osc_recover.gateways.api.RETRY_DELAY', 0.01)


@pytest.fixture
def crooked():
    return Crooked()


def nobody(hosts):
    return ()


@contextlib.contextmanager
def observed(crooked, domains=nobody):
    with crooked_cloud.cloud(crooked) as (service, cloud):
        yield service, cloud, everything(cloud, domains)


def planted(seen):
    return {(f.code, f.about) for f in audit.findings(seen)}


# Observed


def test_all_that_was_planted_is_found_and_nothing_else(crooked):
    with observed(crooked) as (_, _, seen):
        pass
    assert planted(seen) == PLANTED
    assert seen.gaps == ()
    assert seen.gone == seen.deleted == (GONE,)


def test_the_requests_are_few_whatever_the_number_of_servers(crooked):
    with observed(crooked) as (service, _, _):
        told = Counter(request.path for request in service.requests)
    assert told.pop('/compute/v2.1/os-migrations') == len(inventory.UNENDED)
    # The second of these is empty.
    assert told.pop('/volume/v3/attachments') == 2
    assert set(told.values()) == {1}
    assert len(told) == 14


@pytest.mark.parametrize(
    'path, what, lost',
    [
        ('/placement', 'allocations', 'allocation'),
        ('/network/v2.0/ports', 'ports', 'port'),
        ('/volume/v3/volumes', 'volumes', 'volume'),
        ('/volume/v3/attachments', 'attachments', 'attachment'),
    ],
)
def test_a_part_that_does_not_answer_is_a_gap_and_no_finding(
    crooked, path, what, lost
):
    crooked.down = (path,)
    with observed(crooked) as (_, _, seen):
        pass
    assert [gap.what for gap in seen.gaps] == [what]
    assert 'overloaded' in seen.gaps[0].problem
    assert seen.gaps[0].way_out
    found = planted(seen)
    assert found < PLANTED
    assert not [code for code, _ in found if lost in code.partition('-')]


def test_without_agents_no_port_is_bound(crooked):
    crooked.down = ('/network/v2.0/agents',)
    with observed(crooked) as (_, _, seen):
        [one] = [f for f in audit.findings(seen) if f.about == PORT]
    assert one.remedy is None


def test_without_nova_there_is_no_audit(crooked):
    crooked.down = ('/compute/v2.1/servers',)
    with (
        pytest.raises(errors.ApiUnreachable, match='overloaded'),
        observed(crooked),
    ):
        pass


@pytest.mark.parametrize('what', ['volumes', 'attachments'])
def test_a_cinder_that_shows_only_some_is_a_gap(crooked, what):
    more = [crooked_cloud.uuid(900 + n) for n in range(4)]
    key = 'os-extended-volumes:volumes_attached'
    crooked.servers[WEB][key] = [{'id': name} for name in more]
    if what == 'attachments':
        crooked.volumes |= {
            name: crooked_cloud.volume(name, 'x', 'in-use') for name in more
        }
    with observed(crooked) as (_, _, seen):
        pass
    assert what in [gap.what for gap in seen.gaps]
    assert '4 of the 6' in seen.gaps[0].problem
    lost = {'volume-gone', 'attachment-missing'}
    assert not lost & {code for code, _ in planted(seen)}


def without(*services):
    return {
        name: path
        for name, path in crooked_cloud.CATALOG.items()
        if name not in services
    }


def test_a_cloud_without_cinder_and_neutron_has_no_gap(crooked):
    for server in crooked.servers.values():
        server['os-extended-volumes:volumes_attached'] = []
    catalog = without('block-storage', 'network')
    with crooked_cloud.cloud(crooked, catalog) as (_, cloud):
        seen = everything(cloud, nobody)
    assert seen.gaps == ()
    assert {'volumes', 'ports'} <= set(seen.unseen)
    assert {code for code, _ in planted(seen)} == {
        'wedged-task',
        'double-allocation',
        'orphan-allocation',
    }


def test_a_cinder_that_servers_use_and_the_catalog_lacks_is_a_gap(crooked):
    catalog = without('block-storage')
    with crooked_cloud.cloud(crooked, catalog) as (_, cloud):
        seen = everything(cloud, nobody)
    assert 'volumes' in [gap.what for gap in seen.gaps]


def test_a_cell_that_is_down_is_a_gap(crooked, monkeypatch):
    lost = {'binary': 'nova-compute', 'host': 'cmp9', 'status': 'UNKNOWN'}
    told = Crooked._services(crooked, argparse.Namespace(query={}))
    told['services'].append(lost)
    monkeypatch.setattr(
        crooked_cloud,
        '_ROUTES',
        [
            ('/compute/v2.1/os-services', 'GET', lambda *_: told),
            *crooked_cloud._ROUTES,
        ],
    )
    with observed(crooked) as (_, _, seen):
        pass
    assert [gap.what for gap in seen.gaps] == ['cell of cmp9']


def test_domains_are_asked_for_on_every_compute_host(crooked):
    asked = []

    def domains(hosts):
        asked.append(list(hosts))
        return (
            HostDomains('cmp1', problem='no route', way_out='look'),
            HostDomains(
                'cmp2', (Domain('cmp2', GONE, 'i-1', 'running', True),)
            ),
        )

    with observed(crooked, domains) as (_, _, seen):
        pass
    assert asked == [['cmp1', 'cmp2']]
    assert Gap('domains of cmp1', 'no route', 'look') in seen.gaps
    assert ('stranger', GONE) in planted(seen)


def test_attachments_are_read_page_by_page(crooked, monkeypatch):
    """cinder's own page is smaller than what it is asked for."""
    names = sorted(crooked.attachments)
    assert 3 < len(names) <= 6 < inventory.PAGE

    def page(cloud, request):
        after = request.query.get('marker', [''])[0]
        rest = [name for name in names if name > after][:3]
        return {'attachments': [crooked.attachments[n] for n in rest]}

    routes = [('/volume/v3/attachments', 'GET', page)]
    monkeypatch.setattr(
        crooked_cloud, '_ROUTES', routes + crooked_cloud._ROUTES
    )
    with observed(crooked) as (service, _, seen):
        told = [r for r in service.requests if r.path.endswith('/attachments')]
    assert sorted(a.id for a in seen.attachments) == names
    assert len(told) == 3


# Planned


def audit_of(cloud, journal=None):
    def opened():
        assert journal, 'nothing was to be asked of the journal'
        return journal

    known = Settings()
    databases = Databases(Sources(known.database, known.ssh))
    return AuditOfCloud(cloud, databases, known, RunsOfCloud(cloud, opened))


def plan(cloud, *codes, host=''):
    request = AuditFix(codes, host)
    return audit_of(cloud).plan(request)


def test_a_plan_has_what_was_asked_for(crooked):
    with crooked_cloud.cloud(crooked) as (_, cloud):
        made = plan(cloud, 'port-elsewhere', 'volume-wedged')
    steps = {(step.verb, step.target) for step in made.steps()}
    assert steps == {
        ('port.bind', PORT),
        ('volume.settle', STUCK),
        ('volume.settle', FREE),
    }
    assert made.hosts == ('cmp1', 'cmp2', 'ctl@lab')
    assert not crooked.asked


def test_a_plan_of_a_host_has_only_its_own(crooked):
    with crooked_cloud.cloud(crooked) as (_, cloud):
        made = plan(cloud, 'port-elsewhere', 'wedged-task', host='cmp2')
        told = audit_of(cloud).look('cmp2', MIN_AGE).rows
    assert [step.target for step in made.steps()] == [PORT]
    assert {row.id for row in told} == {PORT, DOUBLE, GONE}


@pytest.mark.parametrize(
    'events, safe',
    [
        (('started', 'finished'), True),
        (('started', 'ended'), False),
        (('started',), False),
    ],
    ids=['finished', 'failed', 'cut off'],
)
def test_what_a_recovery_may_write_itself_is_left_to_it(
    crooked, tmp_path, events, safe
):
    journal = Journal(tmp_path / 'journal.sqlite')
    with crooked_cloud.cloud(crooked) as (_, cloud):
        run = journal.store(Plan('host', ('cmp1',), ()), cloud.key, 'x')
        for event in events:
            journal.record(run.id, '', event)
        crooked.reasons['cmp1'] = f'osc-recover run {run.id}'
        rows = audit_of(cloud, journal).look('', MIN_AGE).rows
    fix = {row.id: bool(row.fix) for row in rows}
    assert (fix[DOUBLE], fix[PORT], fix[WEB]) == (safe, safe, safe)
    assert fix[STUCK]
    told = {row.id: row.way_out for row in rows}
    assert (f'run resume {run.id}' in told[DOUBLE]) != safe
    journal.close()


def test_an_unknown_host_is_refused(crooked):
    with (
        crooked_cloud.cloud(crooked) as (_, cloud),
        pytest.raises(errors.UnknownHost, match='did you mean'),
    ):
        audit_of(cloud).look('cmp3', MIN_AGE)


@pytest.mark.parametrize(
    'code, why',
    [('stale-migration', 'not-fixable'), ('staleness', 'unknown-code')],
)
def test_other_codes_are_refused(crooked, code, why):
    with (
        crooked_cloud.cloud(crooked) as (service, cloud),
        pytest.raises(errors.Refused) as refusal,
    ):
        plan(cloud, 'port-elsewhere', code)
    assert (refusal.value.code, refusal.value.exit_status) == (why, 3)
    assert service.requests == []


def test_what_cannot_be_mended_is_left_and_says_why(crooked):
    crooked.servers[WEB]['OS-EXT-STS:vm_state'] = 'stopped'
    with crooked_cloud.cloud(crooked) as (_, cloud):
        made = plan(cloud, 'wedged-task')
    assert made.phases == ()
    [row] = outcome.planned(made)
    assert (row.server, row.state) == (WEB, outcome.LEFT)
    assert f'recover instance set {WEB}' in row.way_out


def test_what_changes_between_two_looks_is_no_finding(crooked, monkeypatch):
    looks = []

    def once(*asked):
        looks.append(everything(*asked))
        crooked.ports[PORT]['binding:host_id'] = 'cmp2'
        return looks[-1]

    monkeypatch.setattr('osc_recover.recovery.audit.everything', once)
    with crooked_cloud.cloud(crooked) as (_, cloud):
        rows = audit_of(cloud).look('', MIN_AGE).rows
    assert len(looks) == 2
    assert {(row.state, row.id) for row in rows} == PLANTED - {
        ('port-elsewhere', PORT)
    }


def test_two_findings_of_a_server_are_one_row_and_one_lane(crooked):
    crooked.servers[DOUBLE]['OS-EXT-STS:task_state'] = None
    with observed(crooked) as (_, _, seen):
        found = audit.findings(seen)
    one = next(f for f in found if f.about == DOUBLE)
    other = dataclasses.replace(one, code='port-unbound')
    made = mend([one, other], (), AuditFix(('double-allocation',
                                            'port-unbound')))  # fmt: skip
    [lane] = made.lanes()
    assert len(lane.steps) == 2
    assert len(made.verdicts) == 1


def test_attachments_of_one_volume_are_deleted_one_after_another(crooked):
    with crooked_cloud.cloud(crooked) as (_, cloud):
        made = plan(cloud, 'attachment-of-nobody', 'attachment-reserved')
    mutexes = {lane.mutexes for lane in made.lanes()}
    assert mutexes == {(f'volume:{DATA}',)}


# Carried out, if all is as it was


@contextlib.contextmanager
def step(crooked, code, about=''):
    """The step that mends a finding, and its operation."""
    with observed(crooked) as (_, cloud, seen):
        found = audit.findings(seen)
        made = mend(found, (), AuditFix((code,)))
        steps = [s for s in made.steps() if s.target == (about or s.target)]
        verbs = operations.of_audit(cloud, grace=0).operations
        yield steps[0], verbs[steps[0].verb]


def test_room_is_given_back_where_the_server_is_not(crooked):
    with step(crooked, 'double-allocation') as (one, operation):
        assert not operation.in_effect(one)
        assert operation.apply(one).note.startswith('given back')
        operation.follow(one, CONTROL)
    assert list(crooked.held[DOUBLE]) == [crooked_cloud.NODES['cmp1']]


CHANGES = [
    ('double-allocation', lambda c: moved(c, DOUBLE, 'cmp2')),
    ('double-allocation', lambda c: busy(c, DOUBLE)),
    ('orphan-allocation', lambda c: back(c, GONE)),
    ('port-elsewhere', lambda c: moved(c, DRAINED, 'cmp1')),
    ('port-elsewhere', lambda c: busy(c, DRAINED)),
    ('port-elsewhere', lambda c: c.ports[PORT].update(device_id=WEB)),
    (
        'port-elsewhere',
        lambda c: c.ports[PORT].update({'binding:host_id': 'cmp7'}),
    ),
    ('attachment-of-nobody', lambda c: back(c, GONE)),
    (
        'attachment-of-nobody',
        lambda c: c.attachments[LEFT].update(instance=WEB),
    ),
    (
        'attachment-reserved',
        lambda c: c.attachments[RESERVED].update(status='attached'),
    ),
    ('attachment-reserved', lambda c: attached(c, DRAINED, DATA)),
    ('attachment-reserved', lambda c: busy(c, DRAINED)),
    ('wedged-task', lambda c: c.servers[WEB].update(updated='2026-11-24')),
    ('wedged-task', lambda c: busy(c, WEB)),
]


def moved(crooked, server, host):
    crooked.servers[server]['OS-EXT-SRV-ATTR:host'] = host


def busy(crooked, server):
    crooked.servers[server]['OS-EXT-STS:task_state'] = 'deleting'


def back(crooked, server):
    crooked.servers[server] = crooked_cloud.server(server, 'back', 'cmp1')


def attached(crooked, server, volume):
    key = 'os-extended-volumes:volumes_attached'
    crooked.servers[server][key] = [{'id': volume}]


@pytest.mark.parametrize('code, change', CHANGES)
def test_what_was_changed_meanwhile_is_left_as_it_is(crooked, code, change):
    with step(crooked, code) as (one, operation):
        change(crooked)
        with pytest.raises(errors.StepFailed) as failed:
            operation.apply(one)
    assert 'it was left as it is' in failed.value.sentence
    assert not crooked.asked


@pytest.mark.parametrize(
    'about, change',
    [
        (STUCK, lambda c: attached(c, DB, DATA)),
        (STUCK, lambda c: c.volumes[STUCK].update(status='in-use')),
        (
            FREE,
            lambda c: c.attachments.update(
                new=crooked_cloud.attachment(RESERVED, FREE, WEB)
            ),
        ),
    ],
)
def test_a_volume_that_somebody_is_at_is_left_as_it_is(crooked, about, change):
    with step(crooked, 'volume-wedged', about) as (one, operation):
        change(crooked)
        with pytest.raises(errors.StepFailed):
            operation.apply(one)
    assert not crooked.asked


def test_an_allocation_that_was_written_meanwhile_is_not_overwritten(crooked):
    with step(crooked, 'double-allocation') as (one, operation):
        real = operation._allocations.of

        def of(consumer):
            held = real(consumer)
            crooked.generations[consumer] += 1
            return held

        operation._allocations.of = of
        with pytest.raises(errors.ChangedMeanwhile):
            operation.apply(one)
    assert len(crooked.held[DOUBLE]) == 2


def test_a_port_that_cannot_be_wired_fails(crooked):
    with step(crooked, 'port-elsewhere') as (one, operation):
        operation.apply(one)
        crooked.ports[PORT]['binding:vif_type'] = 'binding_failed'
        with pytest.raises(errors.StepFailed, match='could not wire it'):
            operation.follow(one, CONTROL)


@pytest.mark.parametrize(
    'code, about, kind',
    [
        ('port-elsewhere', PORT, 'ports'),
        ('volume-wedged', FREE, 'volumes'),
        ('wedged-task', WEB, 'servers'),
    ],
)
def test_what_was_deleted_meanwhile_is_said(crooked, code, about, kind):
    with step(crooked, code, about) as (one, operation):
        del getattr(crooked, kind)[about]
        with pytest.raises(errors.StepFailed, match='deleted meanwhile'):
            operation.in_effect(one)


# The command


class Fixed:
    """A recovery in which an audit has these rows and plans."""

    def __init__(self, cloud):
        self.audit = audit_of(cloud)
        self.requests = Requests(Settings())


@contextlib.contextmanager
def command(crooked):
    with crooked_cloud.cloud(crooked) as (_, cloud):

        class Command(RecoverAudit):
            recover = Fixed(cloud)

            def _log_in(self):
                pass

        yield Command(None, None)


def parsed(made, *words):
    return made.get_parser('openstack recover audit').parse_args(words)


def test_the_table_has_a_row_a_finding_and_the_status_says_so(crooked):
    with command(crooked) as made:
        columns, rows = made.take_action(parsed(made))
    told = [dict(zip(columns, row, strict=True)) for row in rows]
    assert made.status == 1
    assert {(row['State'], row['ID']) for row in told} == PLANTED
    assert {row['Fix'] for row in told} == {'yes'}
    assert all(row['Way out'] for row in told)


def test_with_fix_the_table_is_that_of_a_plan(crooked):
    with command(crooked) as made:
        words = ('--fix', 'stale-migration')
        columns, rows = made.take_action(parsed(made, *words))
    assert made.status == 3
    told = dict(zip(columns, rows[0], strict=True))
    assert (told['Verdict'], told['State']) == ('not-fixable', 'refused')


def test_nothing_to_mend_is_no_failure(crooked, capsys):
    with command(crooked) as made:
        _, rows = made.take_action(parsed(made, '--fix', 'port-unbound'))
    assert (made.status, rows) == (0, [])
    assert 'there is no port-unbound to mend' in capsys.readouterr().err


def test_nothing_to_mend_among_what_was_seen_is_one(crooked, capsys):
    crooked.down = ('/placement',)
    with command(crooked) as made:
        made.take_action(parsed(made, '--fix', 'double-allocation'))
    assert made.status == 1
    assert 'not known: allocations' in capsys.readouterr().err


@pytest.mark.parametrize('text', ['-1', 'x', '1.5', ''])
def test_an_age_is_a_number_ofseconds(text):
    assert seconds('0') == 0
    with pytest.raises(argparse.ArgumentTypeError):
        seconds(text)
