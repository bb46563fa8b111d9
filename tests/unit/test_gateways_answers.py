# SPDX-License-Identifier: Apache-2.0
"""What the services say when they say no, as they really write it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover.gateways import answers

MESSAGES = {
    'nova': ('{"badRequest": {"code": 400, "message": "in use."}}', 'in use.'),
    'nova, state': (
        '{"conflictingRequest": {"code": 409, "message": "Cannot \'evacuate\' '
        'instance 1 while it is in vm_state paused"}}',
        "Cannot 'evacuate' instance 1 while it is in vm_state paused",
    ),
    'neutron': (
        '{"NeutronError": {"type": "PortNotFound", "message": "Port 1 could '
        'not be found.", "detail": ""}}',
        'Port 1 could not be found.',
    ),
    'placement': (
        '{"errors": [{"status": 400, "title": "Bad Request", "detail": "The '
        'server could not comply.\\n\\n Invalid uuid.  ", "code": "x"}]}',
        'The server could not comply. Invalid uuid.',
    ),
    'keystone': (
        '{"error": {"code": 401, "message": "The request you have made '
        'requires authentication.", "title": "Unauthorized"}}',
        'The request you have made requires authentication.',
    ),
    'glance': (
        '<html>\n <head>\n  <title>403 Forbidden</title>\n </head>\n</html>',
        '403 Forbidden',
    ),
    'text': ('Authentication required', 'Authentication required'),
    'nothing': ('', ''),
}


@pytest.mark.parametrize('case', sorted(MESSAGES))
def test_the_sentence_is_found_whoever_wrote_it(case):
    text, sentence = MESSAGES[case]
    assert answers.message(text) == sentence


@pytest.mark.parametrize(
    'text, rule',
    [
        (
            "Policy doesn't allow os_compute_api:os-evacuate to be performed.",
            'os_compute_api:os-evacuate',
        ),
        (
            'Policy does not allow placement:allocations:list to be '
            'performed.',
            'placement:allocations:list',
        ),
        ('(rule:get_agent) is disallowed by policy', 'get_agent'),
        (
            'You are not authorized to perform the requested action: '
            'identity:list_services.',
            'identity:list_services',
        ),
        ('Forbidden', ''),
    ],
)
def test_the_policy_is_found(text, rule):
    assert answers.policy(text) == rule


def test_a_long_answer_is_cut():
    assert len(answers.message('x' * 9999)) == answers.LONGEST + 1


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.text() | json_like.map(json.dumps))
def test_any_body_gives_a_short_line(text):
    line = answers.message(text)
    assert len(line) <= answers.LONGEST + 1
    assert '\n' not in line


def test_causes_stop_at_what_was_handled_outside():
    outside = ConnectionRefusedError()
    inner = TimeoutError()
    inner.__context__ = outside
    assert answers.causes(inner, outside) == [inner]
    assert not answers.never_sent(answers.causes(inner, outside))
    assert answers.never_sent(answers.causes(inner))
