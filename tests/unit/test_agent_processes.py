# SPDX-License-Identifier: Apache-2.0
import contextlib
import os
import signal
import subprocess

import hypothesis
import pytest
from hypothesis import strategies as st

from osc_recover.agent import errors, processes
from tests.unit import zoo

STATUS = """Name:\t{name}
State:\tS (sleeping)
Uid:\t{uids}
Gid:\t{gids}
Groups:\t{groups}
"""
FOUR = st.lists(st.integers(0, 2**32 - 1), min_size=4, max_size=4)
MANY = st.lists(st.integers(0, 2**32 - 1))


def tabs(numbers):
    return '\t'.join(str(number) for number in numbers)


@hypothesis.settings(deadline=None)
@hypothesis.given(FOUR, FOUR, MANY)
def test_the_numbers_of_a_process_are_read(uids, gids, groups):
    text = STATUS.format(
        name='a\\nb\\\\ c',
        uids=tabs(uids),
        gids=tabs(gids),
        groups=' '.join(map(str, groups)),
    )
    assert processes.parse_status(text) == ('a\nb\\ c', uids, gids, groups)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.text())
def test_any_text_is_a_status_or_a_refusal(text):
    with pytest.raises(errors.Refused) as caught:
        processes.parse_status(text)
    assert caught.value.code == 'bad-proc'


@pytest.mark.parametrize('key', ['Name', 'Uid', 'Gid', 'Groups'])
def test_a_status_without_a_field_is_refused(key):
    text = STATUS.format(
        name='x', uids=tabs('1234'), gids='1 2 3 4', groups=''
    )
    lines = [line for line in text.split('\n') if not line.startswith(key)]
    with pytest.raises(errors.Refused):
        processes.parse_status('\n'.join(lines))


@pytest.mark.parametrize('uids', ['1 2 3', '1 2 3 x', ''])
def test_other_numbers_than_four_are_refused(uids):
    text = STATUS.format(name='x', uids=uids, gids='1 2 3 4', groups='')
    with pytest.raises(errors.Refused):
        processes.parse_status(text)


@pytest.mark.parametrize(
    'text, cgroup, unit',
    [
        ('0::/system.slice/nova-compute.service\n',
         '/system.slice/nova-compute.service', 'nova-compute.service'),
        ('0::/machine.slice/machine-qemu\\x2d1.scope/libvirt/emulator\n',
         '/machine.slice/machine-qemu\\x2d1.scope/libvirt/emulator',
         'machine-qemu\\x2d1.scope'),
        ('5:cpu:/x\n1:name=systemd:/a.slice/b.service\n0::/\n',
         '/a.slice/b.service', 'b.service'),
        ('0::/\n', '/', ''),
        ('', '/', ''),
        ('0::/a:b.service\n', '/a:b.service', 'a:b.service'),
    ],
)  # fmt: skip
def test_the_unit_is_the_innermost(text, cgroup, unit):
    assert processes.parse_cgroup(text) == cgroup
    assert processes.unit_of(cgroup) == unit


@hypothesis.settings(deadline=None)
@hypothesis.given(st.text())
def test_any_text_is_a_cgroup_or_a_refusal(text):
    with contextlib.suppress(errors.Refused):
        found = processes.parse_cgroup(text)
        assert found == '/' or f':{found}' in text


@hypothesis.settings(deadline=None)
@hypothesis.given(st.text(min_size=1))
def test_a_guest_is_named_whatever_its_name(name):
    escaped = name.replace(',', ',,')
    argv = ['/usr/bin/qemu-system-x86_64', '-name', f'guest={escaped},x=on']
    hypothesis.assume('\0' not in name)
    assert processes.guest_of(argv) == name


@pytest.mark.parametrize(
    'argv, guest',
    [
        (['/usr/libexec/qemu-kvm', '-name', 'old'], 'old'),
        (['/usr/bin/qemu-system-x86_64', '-name'], ''),
        (['/usr/bin/qemu-system-x86_64'], ''),
        (['/usr/bin/python3', '-name', 'guest=no'], ''),
        ([], ''),
    ],
)
def test_other_programs_are_no_guests(argv, guest):
    assert processes.guest_of(argv) == guest


def set_up(kind):
    """What a child does to get a number, by the kind of it."""
    return {
        'real uid': lambda: os.setresuid(zoo.NOVA, 0, 0),
        'effective uid': lambda: os.setresuid(0, zoo.NOVA, 0),
        'saved uid': lambda: os.setresuid(0, 0, zoo.NOVA),
        'real gid': lambda: os.setresgid(zoo.NOVA, 0, 0),
        'effective gid': lambda: os.setresgid(0, zoo.NOVA, 0),
        'saved gid': lambda: os.setresgid(0, 0, zoo.NOVA),
        'supplementary gid': lambda: os.setgroups([zoo.NOVA]),
    }[kind]


@pytest.mark.skipif(os.geteuid() != 0, reason=zoo.NEEDS_ROOT)
@pytest.mark.parametrize(
    'kind',
    [
        'real uid', 'effective uid', 'saved uid', 'real gid', 'effective gid',
        'saved gid', 'supplementary gid',
    ],
)  # fmt: skip
def test_a_process_is_found_by_any_of_its_numbers(kind):
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        set_up(kind)()
        os.write(tell, b'.')
        signal.pause()
    os.read(ready, 1)
    try:
        found = processes.of(
            {'uids': [zoo.NOVA], 'gids': [zoo.NOVA]}, lambda event: None
        )['processes']
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(tell)
    assert [row['pid'] for row in found] == [child]
    assert f'{kind} {zoo.NOVA}' in found[0]['under']
    assert found[0]['guest'] == ''


@pytest.mark.skipif(os.geteuid() != 0, reason=zoo.NEEDS_ROOT)
def test_a_running_guest_is_named():
    # A shell that waits, with the arguments of a guest.
    guest = subprocess.Popen(
        ['qemu-system-x86_64', '-c', 'echo; read line', '-name',
         'guest=instance-00000001,debug-threads=on'],
        executable='/bin/sh', user=zoo.NOVA, cwd='/',
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with guest:
        guest.stdout.readline()
        args = {'uids': [zoo.NOVA]}
        found = processes.of(args, lambda event: None)['processes']
        guest.stdin.close()
    assert [row['guest'] for row in found] == ['instance-00000001']
