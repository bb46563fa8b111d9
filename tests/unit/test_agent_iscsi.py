# SPDX-License-Identifier: Apache-2.0
"""What iscsiadm says of sessions, read strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover.agent import errors, iscsi, run

VOLUME = (
    'iqn.2010-10.org.openstack:volume-3f57699a-e773-4650-a443-b4b37eed5a06'
)
# As open-iscsi 2.1.8 of Debian 12 prints it.
SAID = (
    'tcp: [3] 10.77.0.11:3260,1 iqn.2026-01.org.example:vol1 (non-flash)\n'
    f'iser: [12] [fd00::11]:3260,4294967295 {VOLUME}\n'
    'tcp: [4] san.example.org:3260,2 iqn.1992-08.com.netapp:sn.1 (flash)\n'
)


def program(tmp_path, monkeypatch, text):
    path = tmp_path / 'iscsiadm'
    path.write_text(f'#!/bin/sh\n{text}\n')
    path.chmod(0o755)
    monkeypatch.setattr(run, 'PATH', f'{tmp_path}:/usr/bin:/bin')


def ask():
    return iscsi.sessions({}, lambda event: None)['sessions']


def test_sessions_are_read():
    first, second, third = iscsi.parse(SAID)
    assert first == {
        'number': 3,
        'portal': '10.77.0.11:3260',
        'target': 'iqn.2026-01.org.example:vol1',
    }
    assert (second['portal'], second['target']) == ('[fd00::11]:3260', VOLUME)
    assert third['number'] == 4


def test_a_portal_group_that_is_not_known_is_read():
    [only] = iscsi.parse('tcp: [5] 10.77.0.11:3260,-1 iqn.x (non-flash)\n')
    assert only['portal'] == '10.77.0.11:3260'


@pytest.mark.parametrize(
    'line',
    [
        'iscsiadm: No active sessions.',
        'tcp: 10.77.0.11:3260,1 iqn.x',
        'tcp: [x] 10.77.0.11:3260,1 iqn.x',
        'tcp: [3] 10.77.0.11:3260,1 iqn.x and more',
        'tcp: [3] 10.77.0.11:3260,1',
        ' tcp: [3] 10.77.0.11:3260,1 iqn.x',
    ],
)
def test_a_line_that_is_not_understood_is_an_error(line):
    with pytest.raises(errors.Refused, match='iscsiadm -m session says'):
        iscsi.parse(SAID + line + '\n')


@given(st.text())
def test_any_text_is_read_or_refused(said):
    try:
        found = iscsi.parse(said)
    except errors.Refused:
        return
    assert len(found) == len([line for line in said.split('\n') if line])


def test_iscsiadm_is_asked(tmp_path, monkeypatch):
    (tmp_path / 'said').write_text(SAID)
    asks = f'[ "$*" = "-m session" ] && exec cat {tmp_path}/said'
    program(tmp_path, monkeypatch, asks)
    assert [session['number'] for session in ask()] == [3, 12, 4]


def test_no_session_is_no_failure(tmp_path, monkeypatch):
    program(
        tmp_path, monkeypatch, 'echo iscsiadm: No active sessions >&2\nexit 21'
    )
    assert ask() == []


def test_another_ending_is_a_failure(tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, 'echo iscsid is away >&2; exit 20')
    with pytest.raises(errors.Refused, match='iscsid is away'):
        ask()


def test_a_host_without_iscsiadm_has_no_sessions(tmp_path, monkeypatch):
    monkeypatch.setattr(run, 'PATH', str(tmp_path))
    monkeypatch.setattr(iscsi, '_SESSIONS', str(tmp_path / 'absent'))
    assert ask() == []


def test_sessions_without_iscsiadm_are_not_passed_over(tmp_path, monkeypatch):
    # They are a container's, as kolla has it.
    (tmp_path / 'class/session3').mkdir(parents=True)
    monkeypatch.setattr(run, 'PATH', str(tmp_path))
    monkeypatch.setattr(iscsi, '_SESSIONS', str(tmp_path / 'class'))
    with pytest.raises(errors.Refused) as caught:
        ask()
    assert caught.value.code == 'no-program'
