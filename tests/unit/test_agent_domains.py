# SPDX-License-Identifier: Apache-2.0
"""What virsh says of domains, read strictly; what it is asked to change."""

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover.agent import errors, run
from osc_recover.agent.domains import (
    change,
    host,
    keep,
    listing,
    look,
    virsh,
)
from tests.unit.virsh_double import LIVE, OFF, Virsh, domain_xml

# virsh 9.0 of Debian 12: -q list --all --uuid --name, some others pad.
NAMES = f'{LIVE} instance-00000623\n{OFF} a name with blanks             \n\n'
STATES = """\
Domain: 'instance-00000623'
  state.state=1
  state.reason=1

Domain: 'it's 'quoted''
  state.state=5
  state.reason=0

"""


def quiet(event):
    pass


@pytest.fixture
def double(tmp_path, monkeypatch):
    made = Virsh(tmp_path / 'virsh')
    made.install(monkeypatch)
    monkeypatch.setattr(keep, 'FOLDER', str(tmp_path / 'our/kept'))
    monkeypatch.setattr(keep, '_HANDED', str(tmp_path))
    monkeypatch.setattr(host, 'addresses', lambda: ['10.0.0.11'])
    instances = {'value': str(tmp_path / 'instances'), 'addresses': []}
    told = {'values': {'instances_path': instances}, 'problem': ''}
    monkeypatch.setattr(host, 'settings', lambda: told)
    return made


def define(uuid, listen='', dhcp=''):
    args = {'uuid': uuid, 'listen': listen, 'dhcp': dhcp}
    return change.define(args, quiet)


def test_names_are_read_with_their_blanks():
    assert listing.uuids(NAMES) == {
        LIVE: 'instance-00000623',
        OFF: 'a name with blanks',
    }


def test_states_are_read_by_name():
    assert listing.states(STATES) == {
        'instance-00000623': 'running',
        "it's 'quoted'": 'shut off',
    }


@pytest.mark.parametrize(
    'read, said',
    [
        (listing.uuids, ' Id   Name   State\n'),
        (listing.uuids, f'{LIVE}\n'),
        (listing.uuids, f'{LIVE.upper()} a\n'),
        (listing.only_uuids, f'{LIVE} a\n'),
        (listing.states, 'error: no domain\n'),
        (listing.states, "Domain: 'a'\n"),
        (listing.states, "Domain: 'a'\n  state.state=8\n"),
        (listing.states, "Domain: 'a'\n  state.state=1\n  cpu.time=3\n"),
    ],
)
def test_a_line_that_is_not_understood_is_an_error(read, said):
    with pytest.raises(errors.Refused, match=r'virsh .* says'):
        read(said)


@given(st.text())
def test_any_text_is_read_or_refused(said):
    for read in (listing.uuids, listing.only_uuids, listing.states):
        try:
            found = read(said)
        except errors.Refused:
            continue
        assert isinstance(found, dict | set)


PLAIN = st.text(
    st.characters(blacklist_categories=['Cc', 'Cs'], blacklist_characters='/'),
    min_size=1,
)


@given(st.dictionaries(st.uuids(), PLAIN.map(str.strip).filter(bool)))
def test_what_virsh_lists_is_read_back(names):
    wanted = {str(uuid): name for uuid, name in names.items()}
    rows = [f'{uuid:<36} {name:<30}\n' for uuid, name in wanted.items()]
    found = listing.uuids(''.join(rows) + '\n')
    assert {u: n.strip() for u, n in found.items()} == wanted


def test_every_domain_is_listed_and_those_that_are_kept_are_told(double):
    double.add(LIVE, 'instance-00000623', 'running')
    double.add(OFF, 'instance-0000002a', 'shut off', domain_xml())
    assert listing.show({}, quiet)['domains'] == {
        LIVE: {
            'name': 'instance-00000623',
            'state': 'running',
            'persistent': False,
        },
        OFF: {
            'name': 'instance-0000002a',
            'state': 'shut off',
            'persistent': True,
        },
    }


def test_a_libvirt_that_is_stopped_is_told_as_such(double):
    double.say(
        'error: failed to connect to the hypervisor\n'
        'error: Failed to connect socket to '
        "'/var/run/libvirt/libvirt-sock': No such file or directory"
    )
    with pytest.raises(errors.Refused, match='does not answer') as caught:
        listing.show({}, quiet)
    assert caught.value.code == 'libvirt-stopped'


def test_any_other_failure_is_told_in_the_words_of_virsh(double):
    double.say('error: Timed out during operation')
    with pytest.raises(errors.Refused, match='virsh list: error: Timed out'):
        listing.show({}, quiet)


def test_a_host_without_libvirt_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(run, 'PATH', str(tmp_path))
    with pytest.raises(errors.Refused) as caught:
        listing.show({}, quiet)
    assert caught.value.code == 'no-libvirt'


ENGINE = """\
#!/bin/sh
case "$1" in
ps) echo '{"name":"nova_libvirt","state":"%s"}' ;;
exec) shift; [ "$1" = nova_libvirt ] || exit 9; shift; exec "$@" ;;
esac
"""


@pytest.fixture
def kolla(double, tmp_path, monkeypatch):
    """No virsh on the host, but in a container of podman."""
    hidden = tmp_path / 'container'
    hidden.mkdir()
    (double.folder / 'bin/virsh').rename(hidden / 'virsh')
    (double.folder / 'bin/env').write_text(
        f'#!/bin/sh\nPATH={hidden}:/usr/bin:/bin exec /usr/bin/env "$@"\n'
    )
    (double.folder / 'bin/env').chmod(0o755)
    bin_ = double.folder / 'bin'
    (bin_ / 'python').symlink_to('/usr/bin/env')
    monkeypatch.setattr(run, 'PATH', f'{bin_}:/usr/bin:/bin')

    def engine(state):
        (bin_ / 'docker').write_text(ENGINE % state)
        (bin_ / 'docker').chmod(0o755)

    return engine


def test_virsh_is_found_in_the_container_of_kolla(double, kolla):
    kolla('running')
    double.add(OFF, 'instance-0000002a', 'shut off', domain_xml())
    assert virsh.find().inside[1:3] == ['exec', 'nova_libvirt']
    assert set(listing.show({}, quiet)['domains']) == {OFF}


def test_a_container_that_is_stopped_is_told(kolla):
    kolla('exited')
    with pytest.raises(errors.Refused, match='nova_libvirt is exited'):
        virsh.find()


# A look


def test_a_look_tells_what_runs_and_what_is_kept(double):
    xml = domain_xml('10.0.0.99', filter='clean', dhcp='10.0.0.1')
    double.add(LIVE, 'instance-0000002a', 'running', xml)
    double.filter('no-spoofing')
    double.filter('clean', 'no-spoofing', 'gone')
    told = look.look({'uuids': [LIVE, OFF]}, quiet)
    [(uuid, detail)] = told['details'].items()
    assert uuid == LIVE
    assert (
        detail['live']
        == detail['kept']
        == {
            'graphics': [{'type': 'vnc', 'listen': ['10.0.0.99']}],
            'filters': ['clean'],
            'dhcp': ['10.0.0.1'],
        }
    )
    assert told['filters'] == {
        'clean': ['no-spoofing', 'gone'],
        'no-spoofing': [],
    }


def test_an_xml_that_cannot_be_read_spoils_its_own_domain_only(double):
    double.add(LIVE, 'a', 'running', '<domain>')
    double.add(OFF, 'b', 'shut off', domain_xml())
    details = look.look({'uuids': [LIVE, OFF]}, quiet)['details']
    assert 'cannot be used' in details[LIVE]['problem']
    assert details[OFF]['problem'] == ''


def test_a_file_that_is_left_of_old_is_looked_at(double, tmp_path):
    double.add(OFF, 'instance-0000002a', 'shut off', domain_xml())
    left(tmp_path, OFF, domain_xml('10.0.0.98'))
    [(path, told)] = look.look({'uuids': [OFF]}, quiet)['details'][OFF][
        'legacy'
    ].items()
    assert path.endswith(f'{OFF}/libvirt.xml')
    assert told['graphics'][0]['listen'] == ['10.0.0.98']


def left(tmp_path, folder, text):
    path = tmp_path / 'instances' / folder
    path.mkdir(parents=True)
    (path / 'libvirt.xml').write_text(text)
    (path / 'libvirt.xml').chmod(0o640)
    return path / 'libvirt.xml'


# Changes


def test_an_address_is_changed_and_everything_else_is_kept(double):
    old = domain_xml('10.0.0.99', filter='clean', dhcp='10.0.0.1')
    double.add(OFF, 'instance-0000002a', 'shut off', old)
    told = define(OFF, '0.0.0.0', '10.0.0.11')
    assert told['changed'] == [
        'vnc listen 10.0.0.99 -> 0.0.0.0',
        'DHCPSERVER 10.0.0.1 -> 10.0.0.11',
    ]
    now = double.kept(OFF)
    assert now.count('0.0.0.0') == 2
    assert '<nova:name>web &amp; more</nova:name>' in now
    assert 'passwd="p"' in now


def test_what_was_there_is_kept_for_root_alone(double):
    old = domain_xml('10.0.0.99')
    double.add(OFF, 'instance-0000002a', 'shut off', old)
    [path] = define(OFF, '10.0.0.11')['kept']
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    for folder in (keep.FOLDER, os.path.dirname(keep.FOLDER)):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    with open(path) as file:
        assert file.read().strip() == old.strip()


def test_a_change_that_is_made_already_is_not_made_again(double):
    double.add(OFF, 'instance-0000002a', 'shut off', domain_xml('10.0.0.11'))
    assert define(OFF, '10.0.0.11') == {'changed': [], 'kept': []}


def test_a_file_of_old_is_replaced_with_its_mode(double, tmp_path):
    double.add(OFF, 'instance-0000002a', 'shut off', domain_xml())
    path = left(tmp_path, 'instance-0000002a', domain_xml('10.0.0.98'))
    before = path.stat()
    [told] = define(OFF, '10.0.0.11')['changed']
    assert told == f'{path}: vnc listen 10.0.0.98 -> 10.0.0.11'
    after = path.stat()
    assert '10.0.0.98' not in path.read_text()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert after.st_ino != before.st_ino
    assert [p.name for p in path.parent.iterdir()] == ['libvirt.xml']


def test_a_link_in_an_old_files_place_is_not_followed(double, tmp_path):
    double.add(OFF, 'instance-0000002a', 'shut off', domain_xml())
    path = left(tmp_path, OFF, domain_xml('10.0.0.98'))
    secret = tmp_path / 'secret'
    path.rename(secret)
    path.symlink_to(secret)
    with pytest.raises(errors.Refused, match='is left as it is'):
        define(OFF, '10.0.0.11')
    assert '10.0.0.98' in secret.read_text()


def test_a_domain_that_is_kept_nowhere_is_left(double):
    double.add(LIVE, 'instance-0000002a', 'running')
    with pytest.raises(errors.Refused) as caught:
        define(LIVE, '10.0.0.11')
    assert caught.value.code == 'transient'


@pytest.mark.parametrize('uuid', ['', '--all', 'a; b', f'{OFF}\n', OFF[:-1]])
def test_what_is_no_uuid_reaches_no_virsh(double, uuid):
    double.say('it was asked')
    with pytest.raises(errors.Refused, match='is no UUID'):
        change.remove({'uuid': uuid}, quiet)


def test_a_stale_domain_is_forgotten_and_what_it_was_is_kept(double):
    double.add(OFF, 'instance-0000002a', 'shut off', domain_xml())
    [path] = change.remove({'uuid': OFF}, quiet)['kept']
    assert not double.has(OFF)
    with open(path) as file:
        assert '<name>instance-0000002a</name>' in file.read()


@pytest.mark.parametrize('state', ['running', 'paused'])
def test_a_guest_that_runs_is_never_removed(double, state):
    double.add(LIVE, 'instance-0000002a', state, domain_xml())
    with pytest.raises(errors.Refused, match='it is not removed') as caught:
        change.remove({'uuid': LIVE}, quiet)
    assert 'virsh destroy' in caught.value.fields['advice']
    assert double.has(LIVE)


def test_nothing_is_changed_where_no_copy_can_be_kept(
    double, tmp_path, monkeypatch
):
    double.add(OFF, 'instance-0000002a', 'shut off', domain_xml())
    folder = tmp_path / 'open'
    folder.mkdir()
    folder.chmod(0o777)
    monkeypatch.setattr(keep, 'FOLDER', str(folder))
    with pytest.raises(errors.Refused, match='could be forged'):
        change.remove({'uuid': OFF}, quiet)
    monkeypatch.setattr(keep, 'FOLDER', '/dev/null/x')
    with pytest.raises(errors.Refused, match='left as it is'):
        define(OFF, '10.0.0.12')
    assert double.kept(OFF).strip() == domain_xml().strip()
