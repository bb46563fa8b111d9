# SPDX-License-Identifier: Apache-2.0
"""What holds for every plan, whatever the cloud looks like."""

import collections
import dataclasses

import hypothesis
from hypothesis import strategies as st

from osc_recover import errors, facts, records
from osc_recover.checks.view import View
from osc_recover.plan import Plan
from osc_recover.procedures.host import Request, differences, recover_host
from tests.unit.situations import (
    HOST,
    asked,
    cloud,
    compute,
    computes,
    held,
    offer,
)

READY = ['active', 'stopped', 'error']
# What may be the matter with a server; mostly nothing.
FLAWS = [
    *[{}] * 6,
    *[
        {'vm_state': state}
        for state in [
            'stopped', 'error', 'paused', 'suspended', 'rescued', 'building',
            'resized', 'shelved', 'shelved_offloaded', 'soft-delete',
            'deleted', 'nonsense',
        ]
    ],
    {'vm_state': 'error', 'power_state': 4},
    {'task_state': 'deleting'},
    {'launched': False},
    {'image': 'i1', 'volumes': ()},
    {'ephemeral_gb': 10},
    {'extra_specs': {'hw:tpm_version': '2.0'}},
    {'pinned_zone': 'nova'},
    {'pinned_zone': 'gone'},
    {'metadata': {'rank': '3'}},
    {'metadata': {'rank': 'x'}},
    {'shares': 1},
    {'name': 'amphora-1'},
    {'name': 'web'},
    {'evacuations': ('req-1',)},
    {'host': 'cmp-2'},
]  # fmt: skip
ROWS = [
    *[None] * 14,
    ('evacuation', 'accepted'),
    ('evacuation', 'pre-migrating'),
    ('evacuation', 'done'),
    ('migration', 'accepted'),
    ('live-migration', 'running'),
    ('resize', 'migrating'),
    ('resize', 'finished'),
]
TASKS = [None, 'rebuilding']
IDS = [f's{n}' for n in range(6)]
POLICIES = ['affinity', 'anti-affinity', 'soft-anti-affinity']
# What may be asked for; mostly nothing special.
WISHES = [
    *[{}] * 4,
    {'accept_data_loss': ('all',)},
    {'accept_data_loss': ('all',), 'reset_state': True},
    {'shared_storage': True},
    {'shared_storage': False, 'reset_state': True},
    {'leave_stopped': True, 'shared_storage': True},
    {'priority_property': 'rank'},
    {'target': 'cmp-3'},
    {'target': 'cmp-9'},
    {'fence': True, 'fenced': ''},
    {'fenced': ''},
]


@st.composite
def servers(draw, key):
    """One server of any sort."""
    healthy = {'name': key, 'host': HOST, 'volumes': (f'v-{key}',)}
    flaws = draw(st.sampled_from(FLAWS)) | draw(st.sampled_from(FLAWS))
    task = draw(st.sampled_from(TASKS))
    return facts.Server(key, **{**healthy, 'task_state': task, **flaws})


@st.composite
def migrations(draw):
    """At most a migration record a server."""
    found = [(key, draw(st.sampled_from(ROWS))) for key in IDS]
    return tuple(
        facts.Migration(number, f'm{number}', key, *kind, HOST)
        for number, (key, kind) in enumerate(found)
        if kind
    )


@st.composite
def groups(draw):
    """Two groups, with members on the failed host and one elsewhere."""
    cut = draw(st.integers(0, len(IDS)))
    elsewhere = draw(st.sampled_from([{}, {'x': 'cmp-2'}]))
    parts = [dict.fromkeys(IDS[:cut], HOST), dict.fromkeys(IDS[cut:], HOST)]
    return tuple(
        facts.Group(
            f'g{number}',
            f'group{number}',
            draw(st.sampled_from(POLICIES)),
            (*part, *elsewhere),
            {**part, **elsewhere},
            draw(st.sampled_from([1, 1, 2])),
        )
        for number, part in enumerate(parts)
    )


@st.composite
def clouds(draw):
    """A cloud in which cmp-1 is down (mostly), with anything on it."""
    keys = draw(st.lists(st.sampled_from(IDS), unique=True, min_size=1))
    needs = [(key, draw(st.sampled_from([0, 1, 4]))) for key in keys]
    up = draw(st.sampled_from([False] * 9 + [True]))
    offers = (offer('cmp-2', draw(st.integers(0, 6))), offer('cmp-3', 3))
    return cloud(
        *(draw(servers(key)) for key in keys),
        migrations=draw(migrations()),
        groups=draw(groups()),
        allocations=tuple(
            held(key, vcpus=need) for key, need in needs if need
        ),
        candidates={'VCPU:4': offers, 'VCPU:1': offers},
        services=computes(
            compute(HOST, up=up), compute('cmp-4', enabled=False)
        ),
    )


@st.composite
def cases(draw):
    """A cloud, and a request about it."""
    situation = draw(clouds())
    ids = [server.id for server in situation.servers]
    some = st.lists(st.sampled_from(ids), unique=True, max_size=2)
    names = {
        'servers': tuple(draw(st.one_of(st.just([]), st.just([]), some))),
        'exclude': tuple(draw(st.one_of(st.just([]), st.just([]), some))),
    }
    return situation, asked(**names, **draw(st.sampled_from(WISHES)))


def attempt(situation, request):
    """The plan, or the refusal."""
    try:
        return recover_host(situation, request)
    except errors.RecoverError as refusal:
        return refusal


def for_plans(test):
    """Run a test with many a situation, a request and their plan."""

    @hypothesis.settings(max_examples=60, deadline=None)
    @hypothesis.given(cases())
    def run(case):
        plan = attempt(*case)
        hypothesis.assume(isinstance(plan, Plan))
        test(*case, plan)

    # Not functools.wraps: pytest would read the wrapped signature.
    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(cases())
def test_a_refusal_says_why_and_the_way_out(case):
    refusal = attempt(*case)
    if not isinstance(refusal, Plan):
        assert refusal.exit_status == errors.REFUSED
        assert refusal.sentence
        assert refusal.way_out


@for_plans
def test_no_server_is_evacuated_twice(situation, request, plan):
    names = [step.name for step in plan.steps()]
    assert len(names) == len(set(names))
    moves = [s.target for s in plan.steps() if s.verb == 'server.evacuate']
    assert len(moves) == len(set(moves))


@for_plans
def test_a_server_has_steps_exactly_if_it_is_acted_on(
    situation, request, plan
):
    acting = [v.server for v in plan.verdicts if v.act]
    lanes = [lane.name for lane in plan.phases[-1].lanes] if acting else []
    assert lanes == acting
    assert bool(plan.phases) is bool(acting)


@for_plans
def test_every_server_in_question_has_one_verdict(situation, request, plan):
    wanted = [server.id for server in View(situation, request).servers]
    assert sorted(v.server for v in plan.verdicts) == sorted(wanted)


@for_plans
def test_a_server_left_alone_has_a_reason_and_a_way_out(
    situation, request, plan
):
    for verdict in plan.verdicts:
        if not verdict.act:
            assert verdict.reason
            assert verdict.way_out
            assert not verdict.loss


@for_plans
def test_no_data_is_lost_that_was_not_given_up(situation, request, plan):
    local = {s.id for s in situation.servers if s.image or s.ephemeral_gb}
    for verdict in plan.verdicts:
        if verdict.act and verdict.server in local:
            accepted = 'all' in request.accept_data_loss
            assert request.shared_storage or accepted
            assert 'disk' in verdict.loss or request.shared_storage


@for_plans
def test_only_what_nova_takes_is_asked_for(situation, request, plan):
    state = {server.id: server.vm_state for server in situation.servers}
    steps = [step.name for step in plan.steps()]
    for verdict in plan.verdicts:
        if verdict.act and state[verdict.server] not in READY:
            assert request.reset_state
            reset = steps.index(f'reset-state:{verdict.server}')
            assert steps[reset + 1] == f'evacuate:{verdict.server}'


@for_plans
def test_a_silent_host_alone_is_never_enough(situation, request, plan):
    if plan.phases:
        assert request.fence or request.fenced
        assert request.fence or not situation.service(HOST).up


@for_plans
def test_anti_affinity_members_never_run_together(situation, request, plan):
    policy = {g.id: g for g in situation.groups}
    for lane in plan.phases[-1].lanes if plan.phases else ():
        mine = [g for g in policy.values() if lane.name in g.members]
        hard = [f'group:{g.id}' for g in mine if g.policy == 'anti-affinity']
        assert list(lane.mutexes) == hard


@for_plans
def test_an_anti_affinity_group_is_not_overbooked(situation, request, plan):
    view = View(situation, request)
    acting = {v.server for v in plan.verdicts if v.act}
    for group in situation.groups:
        if group.policy == 'anti-affinity':
            held = view.held(group)
            rooms = sum(
                max(0, group.max_per_host - held[host])
                for host in view.destinations
            )
            assert len(acting & set(group.members)) <= rooms


@for_plans
def test_every_step_of_a_server_guards_its_host(situation, request, plan):
    host = {server.id: server.host for server in situation.servers}
    for step in plan.steps():
        if step.verb.startswith('server.'):
            assert step.hosts == (host[step.target],)
        else:
            assert step.hosts == ()


@for_plans
def test_a_plan_survives_the_journal(situation, request, plan):
    again = records.load(Plan, records.dump(plan))
    assert again == plan
    assert records.from_data(Request, dict(again.request)) == request
    assert differences(again, plan) == ()


@for_plans
def test_the_order_in_which_servers_are_told_is_no_matter(
    situation, request, plan
):
    turned = dataclasses.replace(
        situation, servers=tuple(reversed(situation.servers))
    )
    assert recover_host(turned, request) == plan


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(clouds(), clouds())
def test_two_plans_differ_in_words_if_they_differ_in_deed(one, two):
    request = asked(accept_data_loss=('all',), reset_state=True)
    old, new = attempt(one, request), attempt(two, request)
    hypothesis.assume(isinstance(old, Plan) and isinstance(new, Plan))
    assert bool(differences(old, new)) is (deeds(old) != deeds(new))


def deeds(plan):
    """What of a plan matters."""
    verdicts = {
        v.server: (v.code, v.act, v.destination, v.loss, v.ran)
        for v in plan.verdicts
    }
    return plan.phases, verdicts


def test_the_strategies_reach_every_verdict():
    seen = collections.Counter()

    @hypothesis.settings(max_examples=600, deadline=None, database=None)
    @hypothesis.seed(1)
    @hypothesis.given(cases())
    def run(case):
        plan = attempt(*case)
        told = isinstance(plan, Plan)
        seen.update([v.code for v in plan.verdicts] if told else [plan.code])

    run()
    assert {
        'evacuate', 'reset-state', 'error-state', 'data-loss', 'vtpm',
        'under-way', 'stale-accepted', 'live-migrating', 'cold-migrating',
        'no-capacity', 'zone-pinned', 'affinity-all-here', 'excluded',
        'anti-affinity-full', 'host-up', 'no-evidence', 'bad-target',
    } <= set(seen)  # fmt: skip
