# SPDX-License-Identifier: Apache-2.0
"""Every registered check fires where it must, and not where it must not."""

import pytest

from osc_recover import facts
from osc_recover.checks import registry
from osc_recover.facts import HostDomains
from tests.unit import by_hand_cases
from tests.unit.situations import (
    HOST,
    asked,
    cloud,
    compute,
    computes,
    domain,
    findings,
    group,
    held,
    node,
    numbers,
    of_image,
    offer,
    returned,
    row,
    server,
    storage,
    told,
    volume,
)

NO_EVIDENCE = asked(fenced='')
OFFERS = {'VCPU:2': (offer('cmp-2', 4), offer('cmp-3', 1))}
RETURNING = cloud(services=computes(compute(HOST)))


ALL = storage('cmp-2', 'cmp-3', 'cmp-4')
UNSEEN = (*storage('cmp-2', 'cmp-3'), *storage('cmp-4', folder=None))
STALE = (*storage('cmp-2', 'cmp-3'), *storage('cmp-4', network=False))
STOPPED = domain(state='shut off')
OTHERS = (numbers('cmp-2'), numbers('cmp-3'))
VOLUME = 'iqn.x:volume-3f57699a-e773-4650-a443-b4b37eed5a06'


def came_back(**changes):
    return cloud(returned=told(**changes))


def own(key):
    """A directory of a server on storage of the host alone."""
    folders = (facts.Folder(key, ('disk',)),)
    return facts.HostStorage(HOST, '/srv/instances', folders=folders)


def sessions(target):
    return facts.HostSessions(HOST, (facts.Session(3, target),))


def state(name, **changes):
    return cloud(server(vm_state=name, **changes))


def with_rows(*rows, **changes):
    return cloud(server(**changes), migrations=rows)


def full(*vcpus):
    """As many servers as numbers, each needing so many processors."""
    servers = [server(f's{n}') for n in range(len(vcpus))]
    held_ = tuple(held(f's{n}', vcpus=v) for n, v in enumerate(vcpus))
    return cloud(*servers, allocations=held_, candidates=OFFERS)


# (scope, code) -> what it fires for, and what it leaves alone; each a
# situation, or a situation and a request.
CASES = {
    ('cloud', 'old-nova'): (
        cloud(compute_max='2.60'),
        cloud(compute_max='2.100'),
    ),
    ('cloud', 'leave-stopped'): (
        (cloud(compute_max='2.93'), asked(leave_stopped=True)),
        (cloud(compute_max='2.95'), asked(leave_stopped=True)),
    ),
    ('host', 'cell-down'): (
        cloud(services=(facts.Service('', HOST, up=False),)),
        cloud(),
    ),
    ('host', 'host-up'): (cloud(services=computes()), cloud()),
    ('cloud', 'no-evidence'): ((cloud(), NO_EVIDENCE), cloud()),
    ('cloud', 'many-down'): (
        cloud(
            services=computes(
                compute('cmp-1', up=False), compute('cmp-2', up=False)
            )
        ),
        cloud(),
    ),
    ('host', 'ironic'): (
        cloud(hypervisors=(node(HOST, type='ironic'),)),
        cloud(),
    ),
    ('host', 'several-nodes'): (
        cloud(hypervisors=(node(HOST), facts.Hypervisor('h', HOST, 'old'))),
        cloud(),
    ),
    ('cloud', 'no-destination'): (
        cloud(services=(compute(HOST, up=False),)),
        cloud(),
    ),
    ('cloud', 'bad-target'): (
        (cloud(), asked(target=HOST)),
        (cloud(), asked(target='cmp-2')),
    ),
    ('host', 'other-run'): (
        cloud(
            services=computes(
                compute(
                    HOST,
                    up=False,
                    enabled=False,
                    disabled_reason='osc-recover run 7f3a',
                )
            )
        ),
        cloud(
            services=computes(
                compute(HOST, up=False, enabled=False, disabled_reason='fan')
            )
        ),
    ),
    ('server', 'excluded'): (
        (cloud(), asked(exclude=('web-s1',))),
        (cloud(), asked(exclude=('web-s2',))),
    ),
    ('server', 'deleting'): (
        state('active', task_state='deleting'),
        state('active', task_state='powering-off'),
    ),
    ('server', 'soft-deleted'): (state('soft-delete'), state('stopped')),
    ('server', 'shelved-offloaded'): (
        state('shelved_offloaded'),
        state('shelved'),
    ),
    ('server', 'building'): (
        state('error', launched=False),
        state('error', launched=True),
    ),
    ('server', 'resized'): (state('resized'), state('active')),
    ('server', 'shelved'): (state('shelved'), state('shelved_offloaded')),
    ('server', 'unknown-state'): (state('asleep'), state('paused')),
    ('server', 'vtpm'): (
        cloud(server(extra_specs={'hw:tpm_version': '2.0'})),
        cloud(server(extra_specs={'hw:tpm_model': 'tpm-crb'})),
    ),
    ('server', 'shares'): (cloud(server(shares=1)), cloud()),
    ('server', 'cyborg'): (
        cloud(server(extra_specs={'accel:device_profile': 'fpga'})),
        cloud(),
    ),
    ('server', 'service-vm'): (
        cloud(server(name='amphora-f00d')),
        cloud(server(name='my-amphora-f00d')),
    ),
    ('server', 'reset-state'): (state('paused'), state('error')),
    ('host', 'masakari'): (
        cloud(masakari=(facts.MasakariHost(HOST, 'seg'),)),
        cloud(masakari=(facts.MasakariHost(HOST, 'seg', True),)),
    ),
    ('server', 'under-way'): (
        with_rows(row(), task_state='rebuilding'),
        with_rows(row(status='done')),
    ),
    ('server', 'stale-accepted'): (
        with_rows(row(type='migration')),
        with_rows(row(), task_state='rebuilding'),
    ),
    ('server', 'live-migrating'): (
        with_rows(row(type='live-migration', status='running')),
        with_rows(row(type='live-migration', status='cancelled')),
    ),
    ('server', 'cold-migrating'): (
        with_rows(row(type='resize', status='post-migrating')),
        with_rows(row(type='resize', status='finished')),
    ),
    ('host', 'dead-agents'): (
        cloud(agents=(facts.Agent('a', 'L3 agent', HOST, alive=False),)),
        cloud(
            agents=(
                facts.Agent('a', 'L3 agent', HOST),
                facts.Agent('b', 'L3 agent', 'net-1', alive=False),
                facts.Agent('c', 'Open vSwitch agent', HOST, alive=False),
            )
        ),
    ),
    ('server', 'unseen'): (
        cloud(server('s1'), unseen=('volumes', 'ports')),
        cloud(server('s1'), unseen=('images', 'network agents')),
    ),
    ('server', 'accelerator-port'): (
        cloud(
            ports=(
                facts.Port('p', 's1', vnic_type='accelerator-direct-physical'),
            )
        ),
        cloud(ports=(facts.Port('p', 's1', vnic_type='direct'),)),
    ),
    ('host', 'volume-backend-on-host'): (
        cloud(volumes=(volume(host='cmp-1@lvm#LVM'),)),
        cloud(volumes=(volume(host='cmp-11@lvm#LVM'),)),
    ),
    ('server', 'volume-backend-on-host'): (
        cloud(volumes=(volume(host='cmp-1.example.org@lvm#LVM'),)),
        cloud(volumes=(volume('other', host='cmp-1@lvm#LVM'),)),
    ),
    ('server', 'volume-error'): (
        cloud(volumes=(volume(status='error'),)),
        cloud(volumes=(volume(status='in-use'),)),
    ),
    ('cloud', 'no-agent'): (
        (cloud(), asked(agent=False)),
        (cloud(), asked(agent=True)),
    ),
    ('cloud', 'silent-destinations'): (
        cloud(storage=storage('cmp-2', problem='cmp-2: no answer')),
        cloud(storage=storage('cmp-2')),
    ),
    ('server', 'stale-directory'): (
        (cloud(of_image(), storage=STALE), asked(shared_storage=True)),
        cloud(server(), storage=STALE),
    ),
    ('server', 'disk-not-seen'): (
        (cloud(of_image(), storage=UNSEEN), asked(shared_storage=True)),
        cloud(of_image(), storage=UNSEEN),
    ),
    ('server', 'disk-seen'): (
        cloud(of_image(), storage=ALL),
        (cloud(of_image(), storage=ALL), asked(shared_storage=True)),
    ),
    ('server', 'data-loss'): (
        cloud(of_image()),
        (cloud(of_image()), asked(shared_storage=True)),
    ),
    ('server', 'swap-loss'): (cloud(server(swap_mb=512)), cloud()),
    ('server', 'encrypted-volume'): (
        cloud(volumes=(volume(encrypted=True),)),
        cloud(volumes=(volume(),)),
    ),
    ('server', 'affinity-all-here'): (
        cloud(groups=(group('s1', policy='affinity'),)),
        cloud(
            groups=(
                group(
                    's1',
                    's9',
                    policy='affinity',
                    member_hosts={'s1': HOST, 's9': 'cmp-2'},
                ),
            )
        ),
    ),
    ('fleet', 'anti-affinity-full'): (
        (
            cloud(server(), server('s2'), groups=(group('s1', 's2'),)),
            asked(target='cmp-2'),
        ),
        cloud(server(), server('s2'), groups=(group('s1', 's2'),)),
    ),
    ('host', 'zone-unknown'): (
        cloud(
            compute_max='2.93',
            services=computes(compute(HOST, up=False, zone='az-2')),
        ),
        cloud(compute_max='2.93'),
    ),
    ('server', 'zone-pinned'): (
        cloud(server(pinned_zone='az-2')),
        cloud(server(pinned_zone='nova')),
    ),
    ('fleet', 'no-capacity'): (full(2, 2, 2), full(2, 2)),
    ('fleet', 'capacity-unknown'): (full(2, 8), full(2, 2, 2)),
    ('return', 'open-evacuations'): (
        (cloud(server('s2'), migrations=(row(status='done'),)), returned()),
        (cloud(migrations=(row(status='completed'),)), returned()),
    ),
    ('return', 'evacuated-back'): (
        (cloud(migrations=(row(status='done'),)), returned()),
        (cloud(server('s2'), migrations=(row(status='done'),)), returned()),
    ),
    ('return', 'double-allocation'): (
        (cloud(allocations=(held('s9'),)), returned()),
        (cloud(allocations=(held('s1'), held('s9', 'cmp-2'))), returned()),
    ),
    ('return', 'no-heartbeat'): (
        (cloud(), returned(alive=False)),
        (cloud(), returned()),
    ),
    ('return', 'open-run'): (
        (cloud(), returned(open_runs=('7f3a',))),
        (cloud(), returned()),
    ),
    ('return', 'duplicate-guests'): (
        (came_back(domains=HostDomains(HOST, (domain(),))), returned()),
        (came_back(domains=HostDomains(HOST, (domain('s1'),))), returned()),
    ),
    ('return', 'strange-guests'): (
        (came_back(domains=HostDomains(HOST, (domain('s8'),))), returned()),
        (came_back(domains=HostDomains(HOST, (domain(),))), returned()),
    ),
    ('return', 'stopped-domains'): (
        (came_back(domains=HostDomains(HOST, (STOPPED,))), returned()),
        (came_back(domains=HostDomains(HOST, (domain(),))), returned()),
    ),
    ('return', 'left-directories'): (
        (came_back(storage=own('s9')), returned()),
        (came_back(storage=own('s1')), returned()),
    ),
    ('return', 'numbers'): (
        (came_back(accounts=(numbers(HOST, 108), *OTHERS)), returned()),
        (came_back(accounts=(numbers(HOST), numbers('cmp-2'))), returned()),
    ),
    ('return', 'left-sessions'): (
        (came_back(sessions=sessions(VOLUME)), returned()),
        (came_back(sessions=sessions('iqn.1992-08.com.x:sn.1')), returned()),
    ),
    ('return', 'foreign-reason'): (
        (
            cloud(
                services=computes(
                    compute(HOST, enabled=False, disabled_reason='bad fan')
                )
            ),
            returned(),
        ),
        (RETURNING, returned()),
    ),
    **by_hand_cases.CASES,
}


def pair(case):
    """A case as situation and request."""
    return case if isinstance(case, tuple) else (case, asked())


def test_every_registered_check_has_its_two_cases():
    # Those of an audit and its views have theirs in tests of their own.
    views = ('audit', 'row', *VIEWS)
    others = {key for key in registry.REGISTRY if key[0] not in views}
    assert CASES.keys() == others


# Each with what it shares a code of with the audit, but no judgement.
VIEWS = {
    # Where nova says that it runs, an audit says so.
    'domain': {'undefined'},
    'instances': set(),
    'instance': set(),
}


@pytest.mark.parametrize('scope', VIEWS)
def test_a_view_of_an_audit_says_what_the_audit_says(scope):
    def runs(scope):
        return {check.code: check.run for check in registry.of(scope)}

    audited = runs('audit')
    shared = {code: run for code, run in runs(scope).items()
              if code in audited}  # fmt: skip
    others = {code for code, run in shared.items() if audited[code] != run}
    assert others == VIEWS[scope]
    assert len(shared) > 5


@pytest.mark.parametrize('key', CASES, ids='-'.join)
def test_a_check_fires(key):
    found = findings(*key, *pair(CASES[key][0]))
    assert {finding.code for finding in found} == {key[1]}


@pytest.mark.parametrize('key', CASES, ids='-'.join)
def test_a_check_is_silent(key):
    assert findings(*key, *pair(CASES[key][1])) == []


@pytest.mark.parametrize('key', CASES, ids='-'.join)
def test_a_finding_says_what_and_the_way_out(key):
    for found in findings(*key, *pair(CASES[key][0])):
        assert found.what
        assert found.what[0].islower() or found.what[0] in '-0123456789'
        assert not found.text.endswith('.')
        assert found.way_out or found.weight != 'refuse'


@pytest.mark.parametrize('key', CASES, ids='-'.join)
def test_a_way_out_names_the_flag_that_overrides(key):
    for found in findings(*key, *pair(CASES[key][0])):
        assert all(flag in found.way_out for flag in found.flag.split(', '))


def test_two_checks_of_one_name_are_a_mistake():
    with pytest.raises(ValueError, match='two checks'):
        registry.check('host-up', 'host')(lambda view, host: None)
