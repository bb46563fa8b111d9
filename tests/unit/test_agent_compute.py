# SPDX-License-Identifier: Apache-2.0
"""Which configuration a host's nova-compute has, as oslo.config has it."""

import os
import pathlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover.agent import compute, errors, novaconf, services
from tests.unit import local_agent


def conf(text):
    return novaconf.Conf(novaconf.parse(text))


@pytest.mark.parametrize(
    'text, value',
    [
        ('a = x', 'x'),
        ('a: x = y', 'x = y'),
        ('a = x\na = y', 'y'),
        ('a = "x "', 'x '),
        ('a = x\n  y\n\ty2', 'x\ny\ny2'),
        ('# a = n\n;a = n\na =', ''),
        ('[g]\na = n\n[DEFAULT]\na = x', 'x'),
        ('b = 7\na = $b/${b}', '7/7'),
        ('a = $$b\\$c', '$b$c'),
        ('[G]\nb = 7\n[DEFAULT]\na = ${g.b}', '7'),
        ('a = $state_path/x', '/var/lib/nova/x'),
        ('state_path = /srv\na = $state_path/x', '/srv/x'),
    ],
)
def test_a_value_is_read_as_oslo_config_reads_it(text, value):
    # Each of these, and many made at random, were given to both.
    assert conf(text).get('DEFAULT', 'a') == value


def test_a_variable_is_looked_for_in_its_group_first():
    text = 'b = far\n[g]\nb = near\na = $b\n[h]\na = $b'
    assert conf(text).get('g', 'a') == 'near'
    assert conf(text).get('h', 'a') == 'far'


@pytest.mark.parametrize('text', ['a = $nothing', 'a = $a', 'a = $b\nb = $a'])
def test_a_variable_that_stands_for_nothing_is_refused(text):
    with pytest.raises(errors.Refused, match='what that is is not known'):
        conf(text).get('DEFAULT', 'a')


@pytest.mark.parametrize(
    'text', ['secret', '= secret', ' secret', '[g', '[]', 'a = 1\n\n secret']
)
def test_a_line_that_is_none_is_refused_without_its_content(text):
    with pytest.raises(errors.Refused, match='is not understood') as caught:
        novaconf.parse(text, '/etc/nova/nova.conf')
    assert 'secret' not in caught.value.text


@given(st.text())
def test_any_text_is_read_or_refused(text):
    try:
        found = novaconf.parse(text)
    except errors.Refused:
        return
    assert all(key for _, key in found)


@pytest.mark.parametrize(
    'words, is_one',
    [
        ('/usr/bin/python3 /usr/bin/nova-compute --config-file a', True),
        ('/usr/bin/nova-compute', True),
        ('python3 -P run.py nova-compute --config-file a', True),
        ('vi nova-compute', False),
        ('python3 /usr/bin/nova-api nova-compute.conf', False),
        ('tail -f /var/log/nova/nova-compute.log', False),
        ('python3 -c 1 2 3 nova-compute', False),
        ('', False),
    ],
)
def test_who_is_a_nova_compute(words, is_one):
    assert compute.is_compute(tuple(words.split())) is is_one


# What there is, and in which order it counts


def etc(root, **files):
    for name, text in files.items():
        path = root / 'etc/nova' / name.replace('__', '/').replace('_', '.')
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'[DEFAULT]\na = {text}\n')


def told(root, *words):
    process = compute.Process(
        os.getpid(), 0, 0, ('nova-compute', *words), str(root)
    )
    return process, compute.files(process)


def test_the_files_of_debian_count_in_the_order_of_oslo_config(tmp_path):
    etc(tmp_path, nova_conf='1', **{'nova-compute_conf': '2'})
    etc(tmp_path, nova_conf_d__b_conf='4', nova_conf_d__a_conf='3')
    assert told(tmp_path)[1].paths == [
        '/etc/nova/nova.conf',
        '/etc/nova/nova-compute.conf',
        '/etc/nova/nova.conf.d/a.conf',
        '/etc/nova/nova.conf.d/b.conf',
    ]
    assert compute.conf(*told(tmp_path)).get('DEFAULT', 'a') == '4'


@pytest.mark.parametrize(
    'words', [('--config-file', '/own.conf'), ('--config-file=/own.conf',)]
)
def test_a_file_that_is_named_counts_most_and_alone(tmp_path, words):
    etc(tmp_path, nova_conf='1', nova_conf_d__a_conf='2')
    (tmp_path / 'own.conf').write_text('[DEFAULT]\na = 3\n')
    assert told(tmp_path, *words)[1].paths == [
        '/etc/nova/nova.conf.d/a.conf',
        '/own.conf',
    ]
    assert compute.conf(*told(tmp_path, *words)).get('DEFAULT', 'a') == '3'


def test_a_folder_that_is_named_counts_for_the_others(tmp_path):
    etc(tmp_path, nova_conf='1', nova_conf_d__a_conf='2', own__z_conf='3')
    found = told(tmp_path, '--config-dir', '/etc/nova/own')[1]
    assert found.paths == ['/etc/nova/nova.conf', '/etc/nova/own/z.conf']


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(errors.Refused, match=r'/own.conf cannot be read'):
        compute.conf(*told(tmp_path, '--config-file', '/own.conf'))


def test_where_none_runs_and_nothing_is_there_it_says_so(monkeypatch):
    monkeypatch.setattr(compute, '_FOLDERS', ('/nowhere',))
    monkeypatch.setattr(compute, 'KOLLA', '/nowhere/nova.conf')
    with pytest.raises(errors.Refused) as caught:
        compute.files(None)
    assert caught.value.code == 'no-nova-conf'


def test_where_none_runs_kollas_file_is_the_last_resort(monkeypatch, tmp_path):
    monkeypatch.setattr(compute, '_FOLDERS', ('/nowhere',))
    monkeypatch.setattr(compute, 'KOLLA', str(tmp_path))
    assert compute.files(None) == compute.Files('', [str(tmp_path)], True)


# One that really runs

SLEEP = 'import time; time.sleep(60)'


def started(words, **more):
    """A process that has its command line: for a moment it has none."""
    process = subprocess.Popen(words, **more)
    path = pathlib.Path(f'/proc/{process.pid}/cmdline')
    local_agent.wait_for('its command line', path.read_bytes)
    return process


@pytest.fixture
def another(tmp_path):
    """A process that is called nova-compute, with a value of its own."""
    script = tmp_path / 'nova-compute'
    script.write_text(SLEEP)
    words = [sys.executable, str(script), '--config-file', str(tmp_path)]
    process = started(words, env={'OS_DEFAULT__A': 'env'})
    yield process
    process.kill()
    process.wait()


def test_one_that_runs_is_found_with_its_account_and_environment(
    another, monkeypatch
):
    # Others may run on this machine.
    monkeypatch.setattr(services.os, 'listdir', lambda _: [str(another.pid)])
    found = compute.running()
    assert (found.pid, found.uid, found.root) == (
        another.pid,
        os.geteuid(),
        '',
    )
    values = compute.conf(found, compute.Files('', []))
    assert values.get('DEFAULT', 'a') == 'env'


TITLED = """
import ctypes, sys, time
title = sys.argv[1].encode()
# Where a process keeps its command line, as setproctitle finds it.
with open('/proc/self/stat') as stat:
    start, end = map(int, stat.read().rpartition(')')[2].split()[45:47])
assert len(title) < end - start
ctypes.memset(start, 0, end - start)
ctypes.memmove(start, title, len(title))
print('ready', flush=True)
time.sleep(60)
"""


def test_one_that_wrote_over_its_command_line_is_found(monkeypatch):
    title = 'x: master process [/usr/bin/x --config-file /etc/x.conf]'
    words = [sys.executable, '-c', TITLED, title]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        monkeypatch.setattr(
            services.os, 'listdir', lambda _: [str(process.pid)]
        )
        try:
            process.stdout.readline()
            found = services.running('x')
        finally:
            process.kill()
    told = ('/usr/bin/x', '--config-file', '/etc/x.conf')
    assert found == [(process.pid, told)]


def test_two_that_differ_are_refused_and_named(another, monkeypatch, tmp_path):
    words = [sys.executable, '-c', SLEEP, 'nova-compute']
    with started(words) as other:
        pids = [str(another.pid), str(other.pid)]
        monkeypatch.setattr(services.os, 'listdir', lambda _: pids)
        try:
            with pytest.raises(errors.Refused, match=pids[1]):
                compute.running()
        finally:
            other.kill()


def test_two_that_are_called_the_same_are_one_and_its_worker(
    another, monkeypatch
):
    with started(another.args) as other:
        pids = [str(other.pid), str(another.pid)]
        monkeypatch.setattr(services.os, 'listdir', lambda _: pids)
        try:
            assert compute.running().pid == another.pid
        finally:
            other.kill()
