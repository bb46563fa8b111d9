# SPDX-License-Identifier: Apache-2.0
"""Which states may be set, and why the others may not."""

import pytest

from osc_recover import errors
from osc_recover.checks.instances import states

# nova/objects/fields.py: InstanceState.ALL, of nova 26 to 34.
ALL = {
    'active', 'building', 'paused', 'suspended', 'stopped', 'rescued',
    'resized', 'soft-delete', 'deleted', 'error', 'shelved',
    'shelved_offloaded',
}  # fmt: skip


@pytest.mark.parametrize('word', states.SETTABLE)
def test_what_may_be_set(word):
    assert states.vm_state(word.upper()) == word


@pytest.mark.parametrize('word', sorted(ALL - set(states.SETTABLE)))
def test_every_other_state_of_nova_says_what_nova_would_do(word):
    with pytest.raises(errors.Refused, match=f'--vm-state {word}: ') as told:
        states.vm_state(word)
    assert told.value.code == 'losing-state'
    assert len(told.value.reason) > len(f'--vm-state {word}: ') + 20
    assert told.value.way_out


@pytest.mark.parametrize(
    'word, today',
    [('shutoff', 'stopped'), ('SHUTOFF', 'stopped'), ('running', 'active')],
)
def test_old_words_are_explained(word, today):
    with pytest.raises(errors.Refused) as told:
        states.vm_state(word)
    assert told.value.code == 'old-value'
    assert told.value.way_out == f'use --vm-state {today}'


@pytest.mark.parametrize('text', ['', "x' OR 1=1; --", 'activ', '1', 'ACTİVE'])
def test_what_is_no_vm_state_names_those_there_are(text):
    with pytest.raises(errors.Refused, match='no such vm_state') as told:
        states.vm_state(text)
    assert 'active, stopped' in told.value.way_out


@pytest.mark.parametrize(
    'text, number', [('4', 4), ('shutdown', 4), ('RUNNING', 1), ('0', 0)]
)
def test_power_states_are_numbers_or_words(text, number):
    assert states.power_state(text) == number


@pytest.mark.parametrize('text', ['5', '2', 'shutoff'])
def test_power_states_of_2012_are_explained(text):
    with pytest.raises(errors.Refused, match='2012') as told:
        states.power_state(text)
    assert (told.value.code, told.value.way_out) == (
        'old-value',
        'use --power-state 4',
    )


@pytest.mark.parametrize('text', ['8', '-1', '04', '1.0', '٤', '1; DROP'])
def test_what_is_no_power_state_names_those_there_are(text):
    with pytest.raises(errors.Refused, match='no such power state') as told:
        states.power_state(text)
    assert '4 (SHUTDOWN)' in told.value.way_out


def test_no_task_is_the_one_that_may_be_set():
    assert states.task_state('None') == 'none'


@pytest.mark.parametrize('word', states.TASKS)
def test_every_task_is_refused_and_says_why(word):
    with pytest.raises(errors.Refused) as told:
        states.task_state(word)
    assert told.value.code == 'losing-state'
    assert '--task-state none' in told.value.way_out


def test_a_task_that_deletes_says_so():
    with pytest.raises(errors.Refused, match='would delete it'):
        states.task_state('deleting')


def test_what_is_no_task_is_refused():
    with pytest.raises(errors.Refused, match='no such task state'):
        states.task_state('reboot')


def test_numbers_have_words():
    assert states.power_word(1) == 'RUNNING'
    assert states.power_word(None) == ''
    assert 'not a power state' in states.power_word(5)
