# SPDX-License-Identifier: Apache-2.0
import hypothesis
import pytest
from hypothesis import strategies as st

from osc_recover.agent import ids

PARSERS = [
    ids.parse_subuid, ids.parse_subgid, ids.parse_overrides, ids.parse_qemu,
    ids.parse_exports, ids.parse_unit, ids.parse_tmpfiles,
]  # fmt: skip


def found(parse, text):
    return [mention[2:] for mention in parse(text)]


@pytest.mark.parametrize(
    'parse, text, expected',
    [
        (ids.parse_subuid, 'nova:100000:65536', [('uid', 100000, 165535)]),
        (ids.parse_subuid, '108:5:1', [('uid', 108, 108), ('uid', 5, 5)]),
        (ids.parse_subgid, 'a:5:2\n\n# b\n', [('gid', 5, 6)]),
        (ids.parse_subgid, 'a:5:0\n', []),
        (ids.parse_overrides, '#108 #120 2755 /a b\n',
         [('uid', 108, 108), ('gid', 120, 120)]),
        (ids.parse_overrides, 'root ssl-cert 2755 /a\n', []),
        (ids.parse_qemu, 'user = "+108"\n group="120" # x\n',
         [('uid', 108, 108), ('gid', 120, 120)]),
        (ids.parse_qemu, 'swtpm_user = 108\n', [('uid', 108, 108)]),
        (ids.parse_qemu, '#user = "+108"\nuser = "nova"\n', []),
        (ids.parse_qemu, 'set_process_name = 1\nlist = [\n"a",\n]\n', []),
        (ids.parse_exports, '/srv *(rw,anonuid=108,anongid=120)\n',
         [('uid', 108, 108), ('gid', 120, 120)]),
        (ids.parse_exports, '/srv *(rw,anonuid=-2)\n', []),
        (ids.parse_unit, '[Service]\nUser=108\nGroup = 120\n',
         [('uid', 108, 108), ('gid', 120, 120)]),
        (ids.parse_unit, 'SupplementaryGroups=kvm 7 8\n; User=1\nUser=nova\n',
         [('gid', 7, 7), ('gid', 8, 8)]),
        (ids.parse_tmpfiles, 'd /run/x 0755 108 :120 -\nd /run/y\n',
         [('uid', 108, 108), ('gid', 120, 120)]),
    ],
)  # fmt: skip
def test_numbers_are_found_where_they_stand(parse, text, expected):
    assert found(parse, text) == expected


@pytest.mark.parametrize(
    'parse, text',
    [
        (ids.parse_subuid, 'nova:100000'),
        (ids.parse_subuid, 'nova:1:x'),
        (ids.parse_subgid, 'nova:-1:5'),
        (ids.parse_overrides, 'root root 2755'),
        (ids.parse_overrides, 'root root rwx /a'),
        (ids.parse_overrides, '#x root 755 /a'),
        (ids.parse_qemu, 'user ='),
        (ids.parse_exports, '/srv *(anonuid=nova)'),
    ],
)
def test_a_line_that_is_not_understood_is_an_error(parse, text):
    with pytest.raises(ids.BadLine) as caught:
        list(parse(f'\n{text}\n'))
    assert caught.value.args == (2, text)


@pytest.mark.parametrize('parse', PARSERS)
@hypothesis.settings(deadline=None)
@hypothesis.given(st.text())
def test_any_text_has_mentions_or_is_an_error(parse, text):
    lines = text.split('\n')
    try:
        mentions = list(parse(text))
    except ids.BadLine as exc:
        number, line = exc.args
        assert line in lines[number - 1]
    else:
        for mention in mentions:
            assert mention.text in lines[mention.line - 1]
            assert 0 <= mention.first <= mention.last


NAMES = st.from_regex('[a-z][a-z0-9]{0,8}', fullmatch=True)
NUMBERS = st.integers(0, 2**32 - 1)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.tuples(NAMES | NUMBERS, NUMBERS, NUMBERS)))
def test_every_range_of_subordinates_is_found(rows):
    text = ''.join(f'{owner}:{first}:{n}\n' for owner, first, n in rows)
    ranges = [('gid', first, first + n - 1) for _, first, n in rows if n]
    owners = [('uid', o, o) for o, _, _ in rows if isinstance(o, int)]
    assert sorted(found(ids.parse_subgid, text)) == sorted(ranges + owners)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.tuples(NAMES | NUMBERS, NAMES | NUMBERS)))
def test_every_numeric_override_is_found(rows):
    def word(owner):
        return f'#{owner}' if isinstance(owner, int) else owner

    text = ''.join(f'{word(u)} {word(g)} 755 /a\n' for u, g in rows)
    kinds = [pair for u, g in rows for pair in (('uid', u), ('gid', g))]
    expected = [(k, n, n) for k, n in kinds if isinstance(n, int)]
    assert found(ids.parse_overrides, text) == expected


@pytest.fixture
def root(tmp_path):
    for name, text in {
        'etc/subuid': 'nova:100:50\n',
        'etc/subgid': 'broken\n',
        'etc/libvirt/qemu.conf': 'user = "+108"\n',
        'etc/exports.d/x.exports': '/srv *(anongid=120)\n',
        'usr/lib/systemd/system/a.service': 'User=108\n',
        'etc/systemd/system/a.service.d/b.conf': 'Group=108\n',
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / 'lib').symlink_to('usr/lib')
    return tmp_path


def elsewhere(root, uids=(), gids=()):
    args = {'uids': list(uids), 'gids': list(gids), 'root': str(root)}
    return ids.elsewhere(args, lambda event: None)


def test_every_kind_of_file_is_read_once(root):
    result = elsewhere(root, uids=[108], gids=[120])
    places = {
        (row['file'][len(str(root)) :], row['line'], row['kind'])
        for row in result['mentions']
    }
    assert places == {
        ('/etc/subuid', 1, 'uid'),
        ('/etc/libvirt/qemu.conf', 1, 'uid'),
        ('/etc/exports.d/x.exports', 1, 'gid'),
        ('/usr/lib/systemd/system/a.service', 1, 'uid'),
    }
    assert len(result['mentions']) == 4


def test_a_line_that_is_not_understood_is_reported_beside_the_rest(root):
    result = elsewhere(root, uids=[108])
    assert result['trouble'] == [
        {
            'file': f'{root}/etc/subgid',
            'error': "line 1 is not understood: 'broken'",
        }
    ]


def test_nothing_is_touched(root):
    before = {p: p.read_bytes() for p in root.rglob('*') if p.is_file()}
    elsewhere(root, uids=[108], gids=[108])
    assert before == {p: p.read_bytes() for p in before}
