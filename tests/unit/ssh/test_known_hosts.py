# SPDX-License-Identifier: Apache-2.0
"""Files of known hosts, against OpenSSH's own tools."""

import base64
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover import errors
from osc_recover.gateways.ssh import host_keys, known_hosts
from osc_recover.gateways.ssh.config import Target

BLOB, OTHER = b'a key', b'another key'
KIND = 'ssh-ed25519'


def line(names, blob=BLOB, kind=KIND, marker=''):
    key = base64.b64encode(blob).decode()
    return f'{marker} {names} {kind} {key} a comment'.strip()


@pytest.fixture
def known(tmp_path):
    """The keys of a name in a file of these lines."""
    file = tmp_path / 'known_hosts'

    def found(name, *lines):
        file.write_text('\n'.join(lines))
        keys = known_hosts.read([str(tmp_path / 'absent'), str(file)])
        return known_hosts.of(keys, name)

    return found


@pytest.mark.parametrize(
    'names, name, found',
    [
        ('cmp1', 'cmp1', True),
        ('cmp1', 'CMP1', True),
        ('cmp1', 'cmp11', False),
        ('a,cmp1,b', 'cmp1', True),
        ('*.example.org', 'cmp1.example.org', True),
        ('*.example.org,!cmp1.*', 'cmp1.example.org', False),
        ('cmp?', 'cmp1', True),
        ('[10.0.0.1]:2222', '[10.0.0.1]:2222', True),
        ('[10.0.0.1]:2222', '10.0.0.1', False),
        ('10.0.0.1', '[10.0.0.1]:2222', False),
        ('[*]:2222', '[10.0.0.1]:2222', True),
        ('[1]', '1', False),
        ('2001:db8::1', '2001:db8::1', True),
    ],
)
def test_a_key_is_found_by_the_names_of_its_line(known, names, name, found):
    assert bool(known(name, line(names))) is found


@pytest.mark.parametrize('name', ['cmp1', '[10.0.0.1]:2222'])
def test_names_that_ssh_keygen_has_hashed_are_found(known, tmp_path, name):
    key = tmp_path / 'key'
    file = tmp_path / 'hashed'
    subprocess.run(
        ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key], check=True
    )
    kind, text, *_ = (tmp_path / 'key.pub').read_text().split()
    file.write_text(f'{name} {kind} {text}\n')
    subprocess.run(
        ['ssh-keygen', '-H', '-f', file], check=True, capture_output=True
    )
    assert name not in file.read_text()
    assert known(name, file.read_text())
    assert not known('cmp2', file.read_text())


def test_a_fingerprint_is_what_ssh_keygen_prints(tmp_path):
    key = tmp_path / 'key'
    subprocess.run(
        ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key], check=True
    )
    text = (tmp_path / 'key.pub').read_text().split()[1]
    printed = subprocess.run(
        ['ssh-keygen', '-lf', key], check=True, capture_output=True, text=True
    )
    found = known_hosts.fingerprint(base64.b64decode(text))
    assert found == printed.stdout.split()[1]


@given(st.text())
def test_any_text_is_read(tmp_path_factory, text):
    file = tmp_path_factory.getbasetemp() / 'any'
    file.write_bytes(text.encode('utf-8', 'surrogatepass'))
    known_hosts.of(known_hosts.read([str(file)]), 'cmp1')


def test_a_line_says_where_it_stands(known):
    (key,) = known('cmp1', '# a comment', '', 'broken', line('cmp1'))
    assert (key.line, key.kind, key.blob) == (4, KIND, BLOB)


def check(keys, kind=KIND, blob=BLOB):
    target = Target('cmp1', '10.0.0.1', 22, 'root', known_hosts=('/k',))
    host_keys.check(target, keys, kind, blob)


def test_a_known_key_is_let_through(known):
    check(known('cmp1', line('cmp1', OTHER), line('cmp1')))


@pytest.mark.parametrize(
    'lines',
    [[], [line('cmp1', kind='ssh-rsa')],
     [line('cmp1', marker='@cert-authority')]],
)  # fmt: skip
def test_a_key_of_which_nothing_is_known_is_unknown(known, lines):
    with pytest.raises(errors.HostKeyUnknown) as caught:
        check(known('cmp1', *lines))
    assert caught.value.fingerprint == known_hosts.fingerprint(BLOB)
    assert 'ssh-keyscan 10.0.0.1 >> /k' in caught.value.way_out


def test_another_key_of_the_same_kind_is_a_changed_one(known):
    with pytest.raises(errors.HostKeyChanged) as caught:
        check(known('cmp1', '', line('cmp1', OTHER)))
    assert known_hosts.fingerprint(OTHER) in caught.value.sentence
    assert 'line 2' in caught.value.sentence


def test_a_revoked_key_is_refused_though_it_is_known(known):
    lines = [line('cmp1'), line('*', marker='@revoked')]
    with pytest.raises(errors.HostKeyRevoked, match='line 2'):
        check(known('cmp1', *lines))


def test_the_kinds_that_are_known_are_asked_for_first(known):
    lines = [line('cmp1', kind='ssh-rsa'), line('cmp1'),
             line('cmp1', kind='ssh-dss', marker='@revoked')]  # fmt: skip
    assert host_keys.algorithms(known('cmp1', *lines)) == (
        'rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa', KIND,
    )  # fmt: skip
