# SPDX-License-Identifier: Apache-2.0
"""What rbd and ceph say, in the shapes of their releases, read strictly.

Written after the programs' sources and manuals; of no cluster of ours.
"""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover.agent import errors, run
from osc_recover.agent.ceph import look, said

IMAGE = 'volumes/volume-48ed0d20-f065-4536-b3f2-eac5f3abc5be'
LOCK = {
    'id': 'auto 139643345791728',
    'locker': 'client.4485',
    'address': '10.88.10.91:0/3853293677',
}
# Of Nautilus (14) to Tentacle (20), and of Jewel (10) to Mimic (13).
LISTED = json.dumps([LOCK])
BY_ID = json.dumps({LOCK['id']: {k: LOCK[k] for k in ('locker', 'address')}})
# Of Mimic and newer, with what Nautilus says of a migration besides.
STATUS = """{"watchers":[{"address":"10.88.10.91:0/3853293677","client":4485,
"cookie":139643345791728}],"migration":{"state":"prepared"}}"""
# Of Luminous (12) and older: the same key for each watcher.
OLD_STATUS = """{"watchers":{"watcher":{"address":"10.0.0.1:0/1","client":1,
"cookie":1},"watcher":{"address":"10.0.0.2:0/2","client":2,"cookie":1}}}"""
ONE_OLD = '{"watchers":{"watcher":{"address":"10.0.0.1:0/1","client":1}}}'
BLOCKED = """\
10.88.10.91:0/3853293677 2026-05-06T08:59:47.102488+0000
v1:10.88.10.90:0/316670229 2026-05-07T00:26:11.581329+0000
[2001:db8::5]:0/1 2026-05-07T00:26:11.581329+0000
cidr:10.1.114.75:0/32 2034-05-07T00:26:11.581329+0000
192.168.3.1:0/3710147553 2018-06-19 14:03:17.123456
listed 5 entries
"""


@pytest.mark.parametrize('text', [LISTED, BY_ID])
def test_a_lock_is_the_same_in_each_release(text):
    assert said.locks(text) == [LOCK]


@pytest.mark.parametrize('text', ['[]', '{}', '[]\n'])
def test_an_image_without_a_lock_has_none(text):
    assert said.locks(text) == []


def test_watchers_are_named_as_a_lock_names_them():
    assert said.watchers(STATUS) == [
        {'client': 'client.4485', 'address': LOCK['address']}
    ]
    assert [w['client'] for w in said.watchers(OLD_STATUS)] == [
        'client.1',
        'client.2',
    ]
    assert [w['client'] for w in said.watchers(ONE_OLD)] == ['client.1']
    for none in ('{"watchers":[]}', '{"watchers":{}}'):
        assert said.watchers(none) == []


def test_the_blocklist_is_read_whatever_wrote_it():
    found = said.blocked(BLOCKED)
    assert [one['address'] for one in found] == [
        '10.88.10.91:0/3853293677',
        'v1:10.88.10.90:0/316670229',
        '[2001:db8::5]:0/1',
        'cidr:10.1.114.75:0/32',
        '192.168.3.1:0/3710147553',
    ]
    assert found[-1]['until'] == '2018-06-19 14:03:17.123456'
    assert said.blocked('listed 0 entries\n') == said.blocked('') == []


@pytest.mark.parametrize(
    'read, text',
    [
        (said.locks, '[{"id": 1, "locker": "c", "address": "a"}]'),
        (said.locks, '[1]'),
        (said.locks, '{"id": "text"}'),
        (said.locks, 'rbd: error opening image'),
        (said.watchers, '[]'),
        (said.watchers, '{}'),
        (said.watchers, '{"watchers":[{"address":"a","client":"4"}]}'),
        (said.blocked, '10.0.0.1:0/1\n'),
        (said.blocked, 'Error EACCES: access denied\n'),
    ],
)
def test_what_is_not_understood_is_an_error(read, text):
    with pytest.raises(errors.Refused, match='says'):
        read(text)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    for read in (said.locks, said.watchers, said.blocked):
        with contextlib.suppress(errors.Refused):
            assert isinstance(read(text), list)


class Host:
    """A host whose rbd and ceph are scripts; ``calls`` are what was asked."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        (folder / 'etc').mkdir()
        self.keyring('cinder')
        self.answer('ceph', 'blocklist', BLOCKED)
        self.answer('rbd', 'lock', LISTED)
        self.answer('rbd', 'status', STATUS)
        for program in ('rbd', 'ceph'):
            path = folder / program
            path.write_text(
                '#!/bin/sh\n'
                f'echo "{program} $*" >> {folder}/calls\n'
                f'for word; do f={folder}/{program}-$word\n'
                '  [ -e "$f.code" ] && { cat "$f" >&2; exit $(cat "$f.code")'
                '; }\n'
                '  [ -e "$f" ] && { cat "$f"; exit 0; }\ndone\nexit 9\n'
            )
            path.chmod(0o755)
        monkeypatch.setattr(run, 'PATH', f'{folder}:/usr/bin:/bin')
        monkeypatch.setattr(look, '_CONFIG', str(folder / 'etc'))

    def keyring(self, user):
        (self.folder / 'etc' / f'ceph.client.{user}.keyring').touch()

    def answer(self, program, word, text, code=0):
        path = self.folder / f'{program}-{word}'
        path.write_text(text)
        if code:
            (self.folder / f'{program}-{word}.code').write_text(str(code))

    @property
    def calls(self):
        return (self.folder / 'calls').read_text().splitlines()

    def look(self, *images):
        return look.look({'images': images or [IMAGE]}, lambda event: None)


@pytest.fixture
def host(tmp_path, monkeypatch):
    return Host(tmp_path, monkeypatch)


def test_an_image_is_asked_for_as_the_user_that_there_is(host):
    told = host.look()
    assert told['images'][IMAGE]['locks'] == [LOCK]
    assert len(told['blocked']) == 5
    assert told['problems'] == {}
    assert host.calls == [
        'ceph --id cinder --connect-timeout 10 osd blocklist ls',
        f'rbd --id cinder lock ls {IMAGE} --format json',
        f'rbd --id cinder status {IMAGE} --format json',
    ]


def test_a_lock_without_its_holder_is_looked_at_twice(host):
    host.answer('rbd', 'status', '{"watchers":[]}')
    assert host.look()['images'][IMAGE]['locks'] == [LOCK]
    assert sum(' lock ls ' in call for call in host.calls) == 2


def test_a_ceph_that_knows_no_blocklist_has_a_blacklist(host):
    host.answer('ceph', 'blocklist', 'Error EINVAL: invalid command', 22)
    host.answer('ceph', 'blacklist', BLOCKED)
    assert len(host.look()['blocked']) == 5
    assert host.calls[1].endswith('osd blacklist ls')


def test_an_image_that_is_not_told_of_keeps_the_others(host):
    told = host.look(IMAGE, '--all', 'a b/c')
    assert [*told['images']] == [IMAGE]
    assert [*told['problems']] == ['--all', 'a b/c']
    host.answer('rbd', 'lock', 'rbd: error opening image: (2) No such file', 2)
    told = host.look()
    assert 'error opening image' in told['problems'][IMAGE]


def test_a_user_without_rights_is_followed_by_the_next(host, tmp_path):
    host.keyring('glance')
    host.answer('ceph', 'cinder', 'Error EACCES: access denied', 13)
    assert host.look()['images']
    assert ' glance ' in host.calls[-1]
    host.answer('ceph', 'glance', 'Error EACCES: access denied', 13)
    with pytest.raises(errors.Refused, match='access denied'):
        host.look()


def test_without_a_keyring_or_a_program_that_is_said(host, monkeypatch):
    for file in (host.folder / 'etc').iterdir():
        file.unlink()
    with pytest.raises(errors.Refused, match='keyring') as none:
        host.look()
    assert none.value.code == 'no-keyring'
    (host.folder / 'rbd').unlink()
    with pytest.raises(errors.Refused) as none:
        host.look()
    assert none.value.code == 'no-rbd'


def test_in_kollas_container_both_are_found(host):
    docker = host.folder / 'docker'
    docker.write_text(
        '#!/bin/sh\n'
        f'echo "docker $*" >> {host.folder}/calls\n'
        'if [ "$1" = ps ]; then\n'
        '  echo \'{"name":"cinder_volume","state":"running"}\'\n'
        f'else shift 2; PATH={host.folder}/in:$PATH "$@"; fi\n'
    )
    docker.chmod(0o755)
    (host.folder / 'in').mkdir()
    for program in ('rbd', 'ceph'):
        (host.folder / program).rename(host.folder / 'in' / program)
    assert host.look()['images'][IMAGE]['locks'] == [LOCK]
    assert any('exec cinder_volume rbd --id' in call for call in host.calls)
