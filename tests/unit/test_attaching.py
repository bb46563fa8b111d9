# SPDX-License-Identifier: Apache-2.0
"""Which volumes a server gets, in which order, and why it gets none."""

import string
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover import errors
from osc_recover.checks import attach_file
from osc_recover.checks.request import VolumeAttach
from osc_recover.facts import Attachment, Server, Service, Volume
from osc_recover.facts.attaching import AttachingSeen, Wanted
from osc_recover.observe import attaching
from osc_recover.procedures.attaching import attach

HOST = 'cmp-1'


def server(name='s1', **changes):
    values = {'host': HOST, 'image': 'i1', 'root_device': '/dev/vda'}
    return Server(name, f'web-{name}', **{**values, **changes})


def volume(name='v1', status='available', **changes):
    return Volume(name, status=status, **changes)


def held(by, volume='v1'):
    return (Attachment(f'a-{by}', volume, by),)


FREE = volume()


def seen(*servers, volumes=(FREE,), up=True, given=None):
    return AttachingSeen(
        {one.id: one for one in servers},
        {one.id: one for one in volumes},
        given or {},
        (Service('n', HOST, up=up),),
    )


def planned(found, *wanted):
    return attach(found, VolumeAttach(wanted or (Wanted('v1', 's1'),)))


def verdicts(found, *wanted):
    return {v.server: v.code for v in planned(found, *wanted).verdicts}


def test_devices_are_in_their_order_and_a_snapshots_before_them():
    names = ('v1', 'v2', 'v3', 'v4')
    found = seen(server(), volumes=tuple(map(volume, names)))
    plan = planned(
        found,
        Wanted('v1', 's1'),
        Wanted('v2', 's1', '/dev/vdaa'),
        Wanted('v3', 's1', '/dev/vdz'),
    )
    [lane] = plan.lanes()
    assert [s.args['volume'] for s in lane.steps] == ['v3', 'v2', 'v1']
    plan = planned(
        found,
        Wanted('v1', 's1', '/dev/vdc', order=0),
        Wanted('v2', 's1', '/dev/vdb', order=1),
    )
    [lane] = plan.lanes()
    assert [s.args['volume'] for s in lane.steps] == ['v1', 'v2']


def test_a_tag_and_what_is_deleted_with_the_server_are_asked_for():
    one = Wanted('v1', 's1', '/dev/vdb', 'data', True)
    [step] = planned(seen(server()), one).steps()
    assert step.args == {
        'volume': 'v1',
        'device': '/dev/vdb',
        'tag': 'data',
        'delete_on_termination': True,
        'host': HOST,
    }
    [step] = planned(seen(server())).steps()
    assert step.args == {'volume': 'v1', 'host': HOST}


@pytest.mark.parametrize(
    'facts, code',
    [
        ({'servers': []}, 'no-server'),
        ({'volumes': ()}, 'no-volume'),
        ({'up': False}, 'host-down'),
        ({'servers': [server(task_state='rebooting')]}, 'under-way'),
        ({'servers': [server(vm_state='error')]}, 'server-state'),
        ({'servers': [server(vm_state='rescued')]}, 'server-state'),
        ({'volumes': (volume(status='error'),)}, 'volume-not-free'),
        ({'volumes': (volume(status='reserved'),)}, 'volume-not-free'),
        (
            {'volumes': (volume(status='in-use', attachments=held('s2')),)},
            'volume-not-free',
        ),
        (
            {'volumes': (volume(status='in-use', attachments=held('s1')),)},
            'only-cinder',
        ),
        (
            {'volumes': (volume(status='available', attachments=held('s2')),)},
            'volume-not-free',
        ),
        (
            {
                'servers': [server(image=None)],
                'volumes': (volume(bootable=True),),
            },
            'root-volume',
        ),
    ],
)
def test_what_cannot_be_is_a_verdict_with_a_way_out(facts, code):
    servers = facts.pop('servers', [server()])
    plan = planned(seen(*servers, **facts))
    [verdict] = plan.verdicts
    assert (verdict.code, verdict.act) == (code, False)
    assert verdict.reason
    assert verdict.way_out
    assert plan.phases == ()


def test_a_root_is_known_by_its_device():
    found = seen(server(image=None), given={'s1': ('v9',)})
    code = verdicts(found, Wanted('v1', 's1', '/dev/vda'))
    assert code == {'s1': 'root-volume'}
    assert verdicts(found, Wanted('v1', 's1', '/dev/vdb')) == {'s1': 'attach'}


@pytest.mark.parametrize(
    'facts',
    [
        {'volumes': (volume(),)},
        {
            'volumes': (
                volume(
                    status='in-use', multiattach=True, attachments=held('s2')
                ),
            )
        },
        {'servers': [server(host='', vm_state='shelved_offloaded')]},
        {'servers': [server(vm_state='stopped')]},
    ],
)
def test_what_can_be_is_attached(facts):
    servers = facts.pop('servers', [server()])
    assert verdicts(seen(*servers, **facts)) == {'s1': 'attach'}


def test_one_that_cannot_be_keeps_back_its_server_and_no_other():
    found = seen(
        server(),
        server('s2'),
        volumes=(volume(), volume('v2'), volume('v3', 'error')),
    )
    plan = planned(
        found, Wanted('v1', 's1'), Wanted('v3', 's1'), Wanted('v2', 's2')
    )
    assert {v.server: v.act for v in plan.verdicts} == {
        's1': False, 's2': True,
    }  # fmt: skip
    assert [step.args['volume'] for step in plan.steps()] == ['v2']


@pytest.mark.parametrize('shared', [False, True])
def test_a_volume_that_is_no_shared_one_goes_to_one_server(shared):
    found = seen(server(), server('s2'), volumes=(volume(multiattach=shared),))
    code = 'attach' if shared else 'volume-not-free'
    both = (Wanted('v1', 's1'), Wanted('v1', 's2'))
    assert verdicts(found, *both) == {'s1': code, 's2': code}


def test_what_is_there_already_is_fine_whatever_the_server_does():
    found = seen(server(task_state='rebooting'), given={'s1': ('v1',)})
    plan = planned(found)
    assert ([v.code for v in plan.verdicts], plan.phases) == (['ok'], ())


def test_an_id_in_capitals_is_an_id():
    asked_nobody = SimpleNamespace(compute=None, volume=None)
    name = '15B9C2E4-3A7D-4F6B-8C1E-0D2F4A6B8C1E'
    found = attaching.ids(asked_nobody, [name], [name])
    assert found == ({name: name.lower()}, {name: name.lower()})


WORDS = st.text(string.ascii_letters + string.digits + '-_.', min_size=1)
DEVICES = st.from_regex(r'/dev/vd[b-z]', fullmatch=True)


@given(st.lists(st.tuples(WORDS, WORDS, DEVICES), min_size=1))
def test_good_lines_are_read_as_they_are(rows):
    rows = {row[:2]: row for row in rows}
    rows = list({row[1:]: row for row in rows.values()}.values())
    text = '\n'.join(f'  {" ".join(row)}\t' for row in rows)
    read = attach_file.lines(f'# x\n\n{text}\r\n', 'f')
    assert [(r.volume, r.server, r.device) for r in read] == rows
    assert [line.number for line in read] == list(range(3, len(rows) + 3))


@given(st.text(max_size=200))
def test_other_text_is_read_or_refused_and_nothing_else(text):
    try:
        read = attach_file.lines(text, 'f')
    except errors.Refused as exc:
        refusal = exc
    else:
        assert read
        assert all(line.volume and line.server for line in read)
        return
    assert refusal.code in ('bad-lines', 'no-lines')
    assert len(refusal.reason) < 4000


def test_many_bad_lines_are_not_all_quoted():
    with pytest.raises(errors.Refused, match='and 90 more'):
        attach_file.lines('x\n' * 100, 'f')
