# SPDX-License-Identifier: Apache-2.0
"""Accounts in files of their own; the programs of shadow-utils look on."""

import contextlib
import grp
import os
import pwd
import stat

import hypothesis
import pytest
from hypothesis import strategies as st

from osc_recover.agent import errors
from osc_recover.agent.accounts import files as accounts_files
from osc_recover.agent.accounts import operations as accounts
from tests.unit import zoo

PASSWD = """root:x:0:0:root:/root:/bin/bash
# a comment
nova:x:61108:62120:Nova:/var/lib/nova:/bin/sh
libvirt-qemu:x:61112:62119::/var/lib/libvirt:/usr/sbin/nologin

other:x:61500:62120:Caf\xe9:/home/other:/bin/sh
+@netgroup
"""
GROUP = """root:x:0:
nova:x:62120:other
libvirt:x:62119:nova,other
+:::
"""


@pytest.fixture
def etc(tmp_path):
    folder = tmp_path / 'etc'
    folder.mkdir()
    for name, text in [('passwd', PASSWD), ('group', GROUP)]:
        (folder / name).write_bytes(text.encode('latin-1'))
    for name in ('shadow', 'gshadow'):
        (folder / name).write_text('')
    return folder


def user(name, uid=None, gid=None):
    return {'name': name, 'uid': uid, 'gid': gid}


def change(etc, users=(), groups=(), **more):
    args = {'users': list(users), 'groups': list(groups), 'etc': str(etc)}
    return accounts.change({**args, **more}, lambda event: None)


def refusal(etc, *args, **more):
    before = contents(etc)
    with pytest.raises(errors.Refused) as caught:
        change(etc, *args, **more)
    assert contents(etc) == before
    return caught.value


def contents(etc):
    return {p.name: p.read_bytes() for p in etc.iterdir() if p.stat().st_size}


def text(etc, name='passwd'):
    return (etc / name).read_bytes().decode('latin-1')


CHAIN = [
    user('nova', [61108, 61112], [62120, 62119]),
    user('libvirt-qemu', [61112, 61119], [62119, 62120]),
    user('other', None, [62120, 62119]),
]
SWAP = [
    {'name': 'nova', 'gid': [62120, 62119]},
    {'name': 'libvirt', 'gid': [62119, 62120]},
]


def test_a_chain_and_a_swap_are_made_at_once(etc):
    change(etc, CHAIN, SWAP)
    assert text(etc) == (
        PASSWD.replace('61112:62119', '61119:62X20')
        .replace('61108:62120', '61112:62119')
        .replace('61500:62120', '61500:62119')
        .replace('62X20', '62120')
    )
    assert text(etc, 'group') == (
        GROUP.replace('62119', '62X')
        .replace('62120', '62119')
        .replace('62X', '62120')
    )


def test_a_rerun_changes_nothing(etc):
    assert len(change(etc, CHAIN, SWAP)['changed']) == 2
    before = contents(etc)
    assert change(etc, CHAIN, SWAP)['changed'] == []
    assert contents(etc) == before


def test_a_cut_between_the_files_is_carried_on_with(etc):
    group = (etc / 'group').read_bytes()
    change(etc, CHAIN, SWAP)
    after = contents(etc)
    (etc / 'group').write_bytes(group)
    assert change(etc, CHAIN, SWAP)['changed'] == [str(etc / 'group')]
    assert contents(etc) == after


def test_the_pairs_the_other_way_round_take_it_back(etc):
    def back(rows):
        return [
            {k: v[::-1] if isinstance(v, list) else v for k, v in row.items()}
            for row in rows
        ]

    change(etc, CHAIN, SWAP)
    change(etc, back(CHAIN), back(SWAP))
    assert (text(etc), text(etc, 'group')) == (PASSWD, GROUP)


def test_what_was_there_is_kept_and_nothing_else_is_left(etc):
    change(etc, CHAIN, SWAP)
    assert text(etc, 'passwd-') == PASSWD
    assert text(etc, 'group-') == GROUP
    assert {p.name for p in etc.iterdir()} == {
        'passwd', 'passwd-', 'group', 'group-', 'shadow', 'gshadow',
        '.pwd.lock',
    }  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason=zoo.NEEDS_ROOT)
def test_mode_owner_and_attributes_of_a_file_stay(etc):
    os.chown(etc / 'passwd', 7, 8)
    os.chmod(etc / 'passwd', 0o640)
    os.setxattr(etc / 'passwd', 'security.test', b'label')
    change(etc, [user('other', [61500, 61501])])
    for name in ('passwd', 'passwd-'):
        status = (etc / name).stat()
        assert (status.st_uid, status.st_gid) == (7, 8)
        assert stat.S_IMODE(status.st_mode) == 0o640
        assert os.getxattr(etc / name, 'security.test') == b'label'


@pytest.mark.parametrize(
    'users, groups, code',
    [
        ([user('other', [61500, 61112])], [], 'number-in-use'),
        ([user('other', [61500, 1])], [], 'number-in-use'),  # daemon's here
        ([user('other', [61500, 0])], [], 'bad-number'),
        ([user('root', [0, 5])], [], 'bad-number'),
        ([user('other', [61500, 65534])], [], 'bad-number'),
        ([user('other', [61500, 2**32 - 1])], [], 'bad-number'),
        ([user('other', [61500, '7'])], [], 'bad-number'),
        ([user('other', [61499, 61501])], [], 'other-number'),
        ([user('nobody-at-all', [5, 61501])], [], 'no-account'),
        ([user('daemon', [1, 61501])], [], 'not-local'),
        ([], [{'name': 'daemon', 'gid': [1, 61501]}], 'not-local'),
        ([], [{'name': 'nova', 'gid': [62120, 62119]}], 'number-in-use'),
        ([], [{'name': 'nova', 'gid': [62120, 62121]}], 'primary-group'),
        ([user('other')], [], 'bad-change'),
        ([user('other', [61500, 61501])] * 2, [], 'bad-change'),
    ],
)
def test_what_would_take_a_number_from_somebody_is_refused(
    etc, users, groups, code
):
    assert refusal(etc, users, groups).code == code


def test_an_account_with_a_twin_is_refused(etc):
    with (etc / 'passwd').open('ab') as file:
        file.write(b'twin:x:61500:1::/:/bin/sh\n')
    refused = refusal(etc, [user('other', [61500, 61501])])
    assert refused.code == 'shared-number'
    assert 'twin' in refused.text


@pytest.mark.parametrize(
    'line',
    ['x:x:1', 'x:x:01:1:::', 'x:x:-1:1:::', ':x:1:1:::', 'x:x:²:1:::', 'x'],
)
def test_a_line_that_is_not_understood_is_refused(etc, line):
    with (etc / 'passwd').open('a') as file:
        file.write(line + '\n')
    refused = refusal(etc, [user('other', [61500, 61501])])
    assert refused.code == 'bad-accounts'
    assert 'line 8 of passwd' in refused.text


def test_a_last_line_without_an_end_is_refused(etc):
    (etc / 'passwd').write_text('root:x:0:0:root:/root:/bin/bash')
    refused = refusal(etc, [user('other', [61500, 61501])])
    assert refused.code == 'bad-accounts'


def test_a_link_in_place_of_a_file_is_refused(etc):
    (etc / 'passwd').rename(etc / 'real')
    (etc / 'passwd').symlink_to('real')
    refused = refusal(etc, [user('other', [61500, 61501])])
    assert refused.code == 'bad-accounts'


TEXT = st.text(
    st.characters(blacklist_characters='\n:', blacklist_categories=['Cs'])
)
NAME = st.from_regex('[a-z][a-z0-9-]{0,9}', fullmatch=True)
NUMBER = st.integers(0, 2**32 - 2)
FOREIGN = st.sampled_from(['', '  ', '# x', '+@a::::::', '-b', '+'])
USERS = st.builds(
    accounts_files.User, NAME, TEXT, NUMBER, NUMBER, TEXT, TEXT, TEXT
)
GROUPS = st.builds(accounts_files.Group, NAME, TEXT, NUMBER, TEXT)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(USERS | FOREIGN))
def test_passwd_is_read_and_built_the_same(lines):
    built = accounts_files.build(lines)
    assert accounts_files.parse_passwd(built) == lines


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(GROUPS | FOREIGN))
def test_group_is_read_and_built_the_same(lines):
    built = accounts_files.build(lines)
    assert accounts_files.parse_group(built) == lines


@pytest.mark.parametrize(
    'parse', [accounts_files.parse_passwd, accounts_files.parse_group]
)
@hypothesis.settings(deadline=None)
@hypothesis.given(st.text())
def test_any_text_stays_byte_for_byte_or_is_refused(parse, text):
    with contextlib.suppress(errors.Refused):
        assert accounts_files.build(parse(text)) == text


# The host's own accounts, which are only looked at.


def test_accounts_are_shown_as_the_host_resolves_them():
    args = {'users': ['root', 'no-such-user'], 'groups': ['root', 'daemon']}
    found = accounts.show(args, lambda event: None)
    assert found['users']['no-such-user'] is None
    root = found['users']['root']
    assert (root['uid'], root['gid'], root['local']) == (0, 0, True)
    assert 'root' in found['groups']['root']['primary_of']
    assert found['groups']['daemon']['gid'] == grp.getgrnam('daemon').gr_gid


def test_the_numbers_in_use_are_told():
    args = {'first': 1, 'last': 100, 'uids': [1, 59999], 'gids': [59999]}
    found = accounts.show(args, lambda event: None)
    expected = {u.pw_uid for u in pwd.getpwall() if 1 <= u.pw_uid <= 100}
    assert set(found['used']['uids']) == expected
    assert found['holders']['uids']['1'] == pwd.getpwuid(1).pw_name
    assert found['holders']['uids']['59999'] is None


def test_an_account_that_is_not_in_the_local_files_is_told_from_one(etc):
    args = {'users': ['daemon'], 'groups': ['daemon'], 'etc': str(etc)}
    found = accounts.show(args, lambda event: None)
    assert not found['users']['daemon']['local']
    assert not found['groups']['daemon']['local']
