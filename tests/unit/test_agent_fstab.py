# SPDX-License-Identifier: Apache-2.0
"""An fstab, read and changed in a few words; the findmnt is the real one."""

import os
import shutil
import stat
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover.agent import errors
from osc_recover.agent.domains import keep
from osc_recover.agent.fstab import homes, operations, text, verify
from osc_recover.agent.state import disks, sessions

FSTAB = """# /etc/fstab: static file system information.
#
# <file system>\t<mount point>   <type>  <options>       <dump>  <pass>
UUID=aa-bb\t/               ext4    errors=remount-ro 0       1
/dev/mapper/vg-srv\t/srv\t ext4 \tdefaults,noatime\t0  2  # keep me
//nas/share /mnt/a\\040b cifs user=x,password=chap-secret 0 0
LABEL=old   /old            ext4
not understood

/swapfile none swap sw 0 0"""


def edit(spec, point, *add, comment=False):
    return {'spec': spec, 'point': point, 'add': [*add], 'comment': comment}


SRV = edit('/dev/mapper/vg-srv', '/srv', 'errors=remount-ro', 'nofail')


def lines(before, after):
    """The lines that differ."""
    pairs = zip(before.split('\n'), after.split('\n'), strict=True)
    return [pair for pair in pairs if pair[0] != pair[1]]


# Read


def test_entries_are_read_and_the_rest_is_not():
    found = text.entries(FSTAB)
    assert [(e.spec, e.point) for e in found] == [
        ('UUID=aa-bb', '/'),
        ('/dev/mapper/vg-srv', '/srv'),
        ('//nas/share', '/mnt/a b'),
        ('LABEL=old', '/old'),
        ('/swapfile', 'none'),
    ]
    assert found[1].options == ['defaults', 'noatime']
    assert found[3].options == []


def test_passwords_are_masked():
    shown = [text.shown(entry) for entry in text.entries(FSTAB)]
    assert 'chap-secret' not in str(shown)
    assert shown[2]['options'] == ['user=x', 'password=***']


# Changed


def test_options_are_added_and_all_else_stays():
    after = text.edited(FSTAB, [SRV])
    assert lines(FSTAB, after) == [
        (
            '/dev/mapper/vg-srv\t/srv\t ext4 \tdefaults,noatime\t0  2  '
            '# keep me',
            '/dev/mapper/vg-srv\t/srv\t ext4 \tdefaults,noatime,'
            'errors=remount-ro,nofail\t0  2  # keep me',
        )
    ]


def test_an_entry_without_options_gets_them():
    after = text.edited(FSTAB, [edit('LABEL=old', '/old', 'nofail')])
    [(_, now)] = lines(FSTAB, after)
    assert now == 'LABEL=old   /old            ext4 nofail'


def test_another_value_of_an_option_is_replaced():
    before = 'a /a ext4 errors=continue,noatime 0 0'
    after = text.edited(before, [edit('a', '/a', 'errors=remount-ro')])
    assert after == 'a /a ext4 noatime,errors=remount-ro 0 0'


def test_an_entry_that_becomes_a_comment_is_found_again():
    commented = {**SRV, 'comment': True}
    after = text.edited(FSTAB, [commented])
    assert len(lines(FSTAB, after)) == 1
    assert '/srv' not in [e.point for e in text.entries(after)]
    [kept] = text.recorded(after)
    assert (kept.spec, kept.point) == ('/dev/mapper/vg-srv', '/srv')
    assert kept.options[-2:] == ['errors=remount-ro', 'nofail']
    assert text.edited(after, [commented]) == after


@pytest.mark.parametrize(
    'before, code', [('', 'no-entry'), ('a /a ext4\na /a ext4', 'ambiguous')]
)
def test_what_is_not_there_once_is_refused(before, code):
    with pytest.raises(errors.Refused) as no:
        text.edited(before, [edit('a', '/a', 'nofail')])
    assert no.value.code == code


BLANK = st.text(' \t', min_size=1, max_size=4)
WORD = st.text(
    st.characters(
        exclude_categories=('C', 'Z'), exclude_characters='#,=\\'
    ),
    min_size=1, max_size=8,
)  # fmt: skip


@st.composite
def entry(draw, number):
    """A line that mounts something, of a point of its own."""
    fields = [
        f'{draw(WORD)}', f'/{number}', draw(WORD),
        ','.join(draw(st.lists(WORD, min_size=1, max_size=4))),
        *draw(st.sampled_from([[], ['0'], ['0', '2']])),
    ]  # fmt: skip
    line = draw(st.sampled_from(['', ' ', '\t'])) + fields[0]
    for field in fields[1:]:
        line += draw(BLANK) + field
    return line + draw(st.sampled_from(['', ' ', ' # comment']))


@st.composite
def fstabs(draw):
    """Lines of every sort; the numbers of those that mount something."""
    kinds = draw(st.lists(st.sampled_from(['entry', 'other']), max_size=8))
    others = st.sampled_from(['', '#', '# a b c d', '  ', 'x', '\tx y'])
    found = [
        draw(entry(n) if kind == 'entry' else others)
        for n, kind in enumerate(kinds)
    ]
    numbers = [n for n, kind in enumerate(kinds) if kind == 'entry']
    return '\n'.join(found), numbers


@given(fstabs(), st.data())
def test_only_the_options_of_the_entries_that_are_meant_change(given, data):
    before, numbers = given
    chosen = data.draw(st.lists(st.sampled_from(numbers), unique=True)
                       if numbers else st.just([]))  # fmt: skip
    comment = data.draw(st.booleans())
    known = {entry.line: entry for entry in text.entries(before)}
    edits = [
        edit(known[n].spec, known[n].point, 'errors=remount-ro', 'nofail',
             comment=comment)
        for n in chosen
    ]  # fmt: skip
    after = text.edited(before, edits)
    old, new = before.split('\n'), after.split('\n')
    now = {
        entry.line: entry
        for entry in (*text.entries(after), *text.recorded(after))
    }
    assert len(new) == len(old)
    for number, line in enumerate(old):
        if number not in chosen:
            assert new[number] == line
            continue
        was, made = known[number], now[number]
        assert made[:4] == was[:4]
        kept = [o for o in was.options if o not in ('nofail',)]
        assert [o for o in made.options if o in kept] == kept
        assert {'errors=remount-ro', 'nofail'} <= set(made.options)
        # Without the options, the line is what it was.
        bare = text.MARK.sub('', new[number], count=1)
        assert bare.replace(',errors=remount-ro', '').replace(
            ',nofail', ''
        ) == line.replace(',nofail', '')
    assert text.edited(after, edits) == after


def test_a_comment_names_the_target_and_old_ones_do_not():
    commented = {**SRV, 'comment': True}
    for target, known in (('iqn.x:y', 'iqn.x:y'), ('', ''), ('a b', '')):
        after = text.edited(FSTAB, [{**commented, 'target': target}])
        [found] = text.recorded(after)
        assert (found.key, found.target) == (['/dev/mapper/vg-srv', '/srv'],
                                             known)  # fmt: skip
    assert text.edited(FSTAB, [commented]) == after


@given(st.text())
def test_any_text_is_read_and_without_edits_stays(anything):
    text.entries(anything)
    text.recorded(anything)
    assert text.edited(anything, []) == anything


# On a machine


@pytest.fixture
def fstab(tmp_path, monkeypatch):
    path = tmp_path / 'etc/fstab'
    path.parent.mkdir()
    path.write_text(FSTAB)
    path.chmod(0o640)
    monkeypatch.setattr(operations, 'PATH', str(path))
    monkeypatch.setattr(keep, 'FOLDER', str(tmp_path / 'kept/domains'))
    return path


def change(*edits):
    return operations.change({'edits': [*edits]}, lambda event: None)


def test_it_is_changed_and_what_was_there_is_kept(fstab):
    told = change(SRV)
    assert fstab.read_text() == text.edited(FSTAB, [SRV])
    assert stat.S_IMODE(fstab.stat().st_mode) == 0o640
    kept = told['kept']
    with open(kept) as file:
        assert file.read() == FSTAB
    assert stat.S_IMODE(os.stat(kept).st_mode) == 0o600
    assert os.listdir(fstab.parent) == ['fstab']
    assert change(SRV) == {'changed': False, 'kept': ''}


def test_a_change_that_findmnt_says_is_wrong_is_not_made(fstab):
    with pytest.raises(errors.Refused) as no:
        change(edit('LABEL=old', '/old', 'nofail junk junk'))
    assert no.value.code == 'not-valid'
    assert fstab.read_text() == FSTAB
    assert os.listdir(fstab.parent) == ['fstab']


def test_a_link_stays_a_link(fstab):
    real = fstab.with_name('real')
    fstab.rename(real)
    fstab.symlink_to(real)
    change(SRV)
    assert fstab.is_symlink()
    assert real.read_text() == text.edited(FSTAB, [SRV])


def test_what_is_shown_has_no_secret_and_names_disks(fstab, monkeypatch):
    told = operations.show({'homes': False}, lambda event: None)
    assert 'chap-secret' not in str(told)
    assert [entry['point'] for entry in told['entries']][:2] == ['/', '/srv']
    assert all(entry['disks'] == [] for entry in told['entries'])
    change({**SRV, 'comment': True})
    told = operations.show({'homes': False}, lambda event: None)
    assert [entry['point'] for entry in told['recorded']] == ['/srv']
    [kept] = operations.recorded()
    assert (kept['point'], kept['type']) == ('/srv', 'ext4')
    assert kept['target'] == ''


@pytest.mark.parametrize('part', ['', '-part2'])
def test_a_disk_of_a_san_that_is_down_is_known_by_its_name(fstab, part):
    """It is right then that it is asked what a boot would wait for."""
    path = '/dev/disk/by-path/ip-10.77.0.11:3260-iscsi-iqn.x:y-lun-1-of'
    found = {}
    for name in (f'{path}-lun-1{part}', '/dev/disk/by-path/pci-0-ata-1'):
        fstab.write_text(f'{name} /srv ext4 defaults 0 0\n')
        [entry] = operations.show({'homes': False}, print)['entries']
        found[entry['target']] = entry['disks']
    assert found == {'iqn.x:y-lun-1-of': [], '': []}


@pytest.mark.parametrize(
    'more, asked', [('', False), ('UUID=h /home xfs', True)]
)
def test_below_home_is_looked_only_where_it_is_mounted(
    fstab, monkeypatch, more, asked
):
    def no_root():
        raise errors.Refused('program-failed', 'unshare ended with 1')

    monkeypatch.setattr(homes, 'keys_below', no_root)
    fstab.write_text(f'{FSTAB}\n{more}')
    if asked:
        with pytest.raises(errors.Refused, match='unshare'):
            operations.show({'homes': True}, lambda event: None)
    else:
        told = operations.show({'homes': True}, lambda event: None)
        assert told['keys_below'] is None


def test_without_an_fstab_there_is_nothing(fstab):
    fstab.unlink()
    assert operations.recorded() == []
    with pytest.raises(errors.Refused):
        change(SRV)


def test_a_verification_that_is_not_understood_is_refused():
    with pytest.raises(errors.Refused):
        verify.parse('findmnt: unrecognized option --verify')
    said = '/\n   [E] unreachable: a\n1 parse error, 1 error, 0 warnings'
    assert verify.parse('findmnt: x: parse error at line 3 -- ignored\n'
                        + said) == [
        'a line is not understood', '/: unreachable: a',
    ]  # fmt: skip


def test_the_disks_below_a_device_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sessions, 'SYS', str(tmp_path))
    block = tmp_path / 'class/block'
    real = tmp_path / 'devices/sda/sda1'
    real.mkdir(parents=True)
    (real / 'partition').write_text('1\n')
    block.mkdir(parents=True)
    (block / 'sda1').symlink_to(real)
    (block / 'sda').symlink_to(real.parent)
    for name in ('dm-0', 'dm-1', 'sdb'):
        (block / name / 'slaves').mkdir(parents=True)
    for upper, lower in (('dm-0', 'sda1'), ('dm-1', 'dm-0'), ('dm-1', 'sdb')):
        (block / upper / 'slaves' / lower).mkdir()
    assert disks.below('/dev/dm-1') == ['sdb', 'sda']
    assert disks.below('/dev/none') == []
    assert disks.below('tmpfs') == []


def test_keys_below_home_are_seen_past_what_is_mounted_there():
    if os.geteuid() or not shutil.which('unshare'):
        pytest.skip('only root sees past a mount')
    script = (
        'mount -t tmpfs none /root && mount -t tmpfs none /home && '
        'mkdir -p /home/a/.ssh && echo key > /home/a/.ssh/authorized_keys && '
        'python3 -c "from osc_recover.agent.fstab import homes; '
        'print(homes.keys_below())"'
    )
    done = subprocess.run(
        ['unshare', '--mount', 'sh', '-c', script],
        capture_output=True, text=True, env={
            **os.environ, 'PYTHONPATH': os.getcwd(),
        },
    )  # fmt: skip
    # What is in another mount on /home is not on the root disk.
    assert done.stdout.strip() == str(homes.keys_below()), done.stderr
