# SPDX-License-Identifier: Apache-2.0
"""How a host is let in to volumes, as nova-manage says it."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover.agent import compute, connector, errors, run

TOLD = {
    'platform': 'x86_64',
    'os_type': 'linux',
    'ip': '10.0.0.12',
    'host': 'cmp2',
    'multipath': False,
    'initiator': 'iqn.1993-08.org.debian:01:5f',
}
WORDS = ['volume_attachment', 'get_connector', '--json']


def program(tmp_path, monkeypatch, name, text):
    path = tmp_path / name
    path.write_text(f'#!/bin/sh\n{text}\n')
    path.chmod(0o755)
    monkeypatch.setattr(run, 'PATH', f'{tmp_path}:/usr/bin:/bin')
    return path


def runs(monkeypatch, process):
    monkeypatch.setattr(compute, 'running', lambda: process)


def process(*words, root=''):
    return compute.Process(1, 0, 0, words, root)


def ask():
    return connector.show({}, lambda event: None)['connector']


def test_nova_manage_is_asked(tmp_path, monkeypatch):
    runs(monkeypatch, None)
    said = f"echo a warning\necho '{json.dumps(TOLD)}'\necho '$@' >&2"
    program(tmp_path, monkeypatch, 'nova-manage', said)
    assert ask() == TOLD


def test_what_it_cannot_tell_is_an_error(tmp_path, monkeypatch):
    runs(monkeypatch, None)
    said = 'echo Unexpected error; exit 1'
    program(tmp_path, monkeypatch, 'nova-manage', said)
    with pytest.raises(errors.Refused, match='Unexpected error'):
        ask()


def test_its_reason_is_told_and_not_its_log(tmp_path, monkeypatch):
    runs(monkeypatch, None)
    said = 'echo Unexpected error, no sudo; echo a log line >&2; exit 1'
    program(tmp_path, monkeypatch, 'nova-manage', said)
    with pytest.raises(errors.Refused, match='no sudo') as told:
        ask()
    assert 'a log line' not in told.value.text


def test_a_host_without_it_says_so(tmp_path, monkeypatch):
    runs(monkeypatch, None)
    monkeypatch.setattr(run, 'PATH', str(tmp_path))
    with pytest.raises(errors.Refused, match='no program nova-manage'):
        ask()


def test_the_one_beside_nova_compute_is_run_with_its_files(
    tmp_path, monkeypatch
):
    beside = program(tmp_path, monkeypatch, 'nova-manage', '')
    there = process(
        '/usr/bin/python3',
        str(tmp_path / 'nova-compute'),
        '--config-file',
        '/srv/nova.conf',
        '--config-dir=/none',
    )
    assert connector.argv(there) == [
        str(beside),
        '--config-file=/srv/nova.conf',
        *WORDS,
    ]


def test_a_container_is_entered(tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, 'podman', '')
    inside = process('nova-compute', root='/proc/7/root')
    monkeypatch.setattr(run, 'PATH', str(tmp_path))
    assert connector.argv(inside) == [
        *('podman', 'exec', '--user', 'root', 'nova_compute'),
        'nova-manage',
        *WORDS,
    ]


def test_a_container_without_an_engine_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(run, 'PATH', str(tmp_path))
    with pytest.raises(errors.Refused, match='no docker'):
        connector.argv(process('nova-compute', root='/proc/7/root'))


@given(st.text())
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(errors.Refused):
        assert isinstance(connector.parse(text), dict)
