# SPDX-License-Identifier: Apache-2.0
"""Records survive the way to JSON and back; anything else is an error."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover import facts, plan, records

steps = st.builds(
    plan.Step,
    name=st.text(),
    verb=st.text(),
    target=st.text(),
    args=st.dictionaries(
        st.text(), st.none() | st.integers() | st.lists(st.text())
    ),
    hosts=st.lists(st.text()).map(tuple),
)
lanes = st.builds(
    plan.Lane,
    name=st.text(),
    steps=st.lists(steps, max_size=3).map(tuple),
    mutexes=st.lists(st.text()).map(tuple),
)


@given(st.lists(lanes, max_size=3).map(tuple), st.booleans())
def test_a_plan_reads_back_as_it_was(some, must):
    whole = plan.Plan('host', ('a',), (plan.Phase('p', some, must),))
    assert records.load(plan.Plan, records.dump(whole)) == whole


def test_facts_read_back_as_they_were():
    situation = facts.Situation(
        ('cmp1',),
        services=(facts.Service('s', 'cmp1'),),
        servers=(facts.Server('u', 'web', 'cmp1', extra_specs={'a': 'b'}),),
        candidates={'VCPU:1': (facts.Candidate('p', 'cmp2', {'VCPU': 3}),)},
    )
    assert records.load(facts.Situation, records.dump(situation)) == situation


def test_equal_records_are_equal_text():
    one = plan.Step('n', 'v', 't', {'a': 1, 'b': 2})
    two = plan.Step('n', 'v', 't', {'b': 2, 'a': 1})
    assert records.dump(one) == records.dump(two)


def test_a_field_that_is_missing_takes_its_default():
    text = '{"name": "n", "verb": "v", "target": "t"}'
    assert records.load(plan.Step, text) == plan.Step('n', 'v', 't')


@pytest.mark.parametrize(
    'text',
    [
        'no json',
        '[]',
        '{}',
        '{"name": 1, "verb": "v", "target": "t"}',
        '{"name": "n", "verb": "v", "target": "t", "hosts": "cmp1"}',
        '{"name": "n", "verb": "v", "target": "t", "args": []}',
        '{"name": "n", "verb": "v", "target": "t", "later": 1}',
    ],
)
def test_what_is_no_step_is_an_error(text):
    with pytest.raises(records.Malformed):
        records.load(plan.Step, text)


def test_a_flag_is_no_number():
    data = json.loads(records.dump(facts.Server('u', 'n', 'h')))
    data['power_state'] = True
    with pytest.raises(records.Malformed, match='True is not int'):
        records.from_data(facts.Server, data)


def test_a_word_must_be_one_of_those_there_are():
    data = {'kind': 'group', 'name': 'kvm', 'number': 104}
    read = records.from_data(facts.Account, data)
    assert read == facts.Account('group', 'kvm', 104)
    with pytest.raises(records.Malformed, match='none of'):
        records.from_data(facts.Account, {**data, 'kind': 'team'})
