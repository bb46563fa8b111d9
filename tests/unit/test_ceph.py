# SPDX-License-Identifier: Apache-2.0
"""Stale locks and blocklisted clients, and who is asked for them."""

import pytest

from osc_recover import errors
from osc_recover.checks import ceph, volume_rows
from osc_recover.facts import Server
from osc_recover.facts.ceph import (
    Blocked,
    CephSeen,
    Image,
    ImageLock,
    ImageWatcher,
)
from osc_recover.facts.snapshot import KeptAttachment, Target
from osc_recover.gateways import ceph as gateway
from osc_recover.observe import ceph as observe

NAME, HERE, UNTIL = 'volumes/volume-a', '10.0.0.5:0/77', '2026-05-06T08:59:47'
LOCK = ImageLock('auto 1396', 'client.4485', HERE)
OPEN = ImageWatcher('client.4485', HERE)


def codes(image, *blocked):
    seen = CephSeen((image,), tuple(Blocked(a, UNTIL) for a in blocked))
    return [hint.code for hint in ceph.hints(seen, [NAME, NAME, 'other'])]


def test_a_lock_whose_holder_is_gone_is_named_with_its_removal():
    [hint] = ceph.hints(CephSeen((Image(NAME, (LOCK,)),)), [NAME])
    assert hint.code == ceph.LOCKED
    assert f"rbd lock rm {NAME} 'auto 1396' client.4485" in hint.way_out
    assert HERE in hint.text


def test_a_lock_of_who_has_it_open_is_as_it_should_be():
    assert codes(Image(NAME, (LOCK,), (OPEN,))) == []
    other = ImageWatcher('client.44850', HERE)
    assert codes(Image(NAME, (LOCK,), (other,))) == [ceph.LOCKED]


@pytest.mark.parametrize(
    'entry, rest',
    [
        (HERE, f'rm {HERE}'),
        (f'v1:{HERE}', f'rm {HERE}'),
        ('10.0.0.5:0/0', 'rm 10.0.0.5:0/0'),
        ('cidr:10.0.0.0:0/24', 'range rm 10.0.0.0/24'),
    ],
)
def test_a_client_that_is_blocklisted_is_named_with_its_removal(entry, rest):
    seen = CephSeen((Image(NAME, (LOCK,), (OPEN,)),), (Blocked(entry, UNTIL),))
    [hint] = ceph.hints(seen, [NAME])
    assert hint.code == ceph.BLOCKED
    assert hint.way_out.endswith(
        f'once its guest is off: ceph osd blocklist {rest}'
    )
    assert UNTIL in hint.text
    # A new client of the same host would be shut out as well.
    wide = entry.startswith('cidr') or entry.endswith('/0')
    assert ('a hard reboot' in hint.way_out) is not wide


def test_what_protects_an_image_from_a_dead_client_is_not_taken_away():
    seen = CephSeen((Image(NAME, (LOCK,)),), (Blocked(HERE, UNTIL),))
    [hint] = ceph.hints(seen, [NAME])
    assert (hint.code, UNTIL in hint.text) == (ceph.LOCKED, True)
    host = Blocked('10.0.0.5:0/0', UNTIL)
    seen = CephSeen((Image(NAME, (LOCK,)),), (host,))
    both = [hint.code for hint in ceph.hints(seen, [NAME])]
    assert both == [ceph.LOCKED, ceph.BLOCKED]


@pytest.mark.parametrize(
    'entry',
    [
        '10.0.0.5:0/78',
        '10.0.0.50:0/77',
        '10.0.0.50:0/0',
        'cidr:10.0.1.0:0/24',
        'cidr:10.0.0.0:0/99',
        '[2001:db8::5]:0/77',
        '999.0.0.5:0/77',
        '',
    ],
)
def test_an_entry_of_somebody_else_is_not_said(entry):
    assert codes(Image(NAME, (LOCK,), (OPEN,)), entry) == []


def test_addresses_are_compared_as_such():
    entry = Blocked('[2001:db8:0::5]:0/9')
    assert ceph.covers(entry, '[2001:db8::5]:0/9')
    assert not ceph.covers(entry, '-')


def test_a_row_says_it_beside_what_is_wrong():
    hints = [*ceph.hints(CephSeen((Image(NAME, (LOCK,)),)), [NAME])]
    row = volume_rows.Row('v', 'a', 'in-use', 's', volume_rows.INTACT)
    told = volume_rows.hinted(row, hints)
    assert (told.state, told.code) == (volume_rows.STALE, ceph.LOCKED)
    row = volume_rows.Row(
        'v', 'a', 'in-use', 's', volume_rows.WEDGED, 'x', 'why', 'do'
    )
    told = volume_rows.hinted(row, hints)
    assert (told.state, told.code) == (volume_rows.WEDGED, 'x')
    assert told.reason.startswith('why; image')
    assert told.way_out.startswith('do; once')
    assert volume_rows.hinted(row, []) == row


class Hosts:
    """Hosts that tell of images; ``asked`` are host and images."""

    def __init__(self, told):
        self.told, self.asked = told, []

    def ask(self, host, op, args, *, timeout):
        self.asked.append((host, args['images']))
        known = self.told.get(host)
        if known is None:
            raise errors.OperationRefused(host, op, 'no-rbd', 'no rbd')
        return {
            'images': {
                name: {'locks': [], 'watchers': []}
                for name in args['images']
                if name in known
            },
            'problems': {
                name: 'no such image'
                for name in args['images']
                if name not in known
            },
            'blocked': [{'address': HERE, 'until': UNTIL}],
        }


def test_what_its_host_does_not_tell_storage_hosts_are_asked_for():
    hosts = Hosts({'cmp1': ['p/a'], 'ctl2': ['p/b']})
    wanted = {'cmp1': ['p/a'], 'cmp2': ['p/b']}
    seen = gateway.look(hosts, wanted, ['ctl1', 'ctl2', 'ctl3'])
    assert {image.name for image in seen.images} == {'p/a', 'p/b'}
    assert seen.blocked == (Blocked(HERE, UNTIL),)
    assert seen.gaps == ()
    assert sorted(hosts.asked[:2]) == [('cmp1', ['p/a']), ('cmp2', ['p/b'])]
    assert hosts.asked[2:] == [('ctl1', ['p/b']), ('ctl2', ['p/b'])]


def test_what_nobody_tells_is_a_gap():
    seen = gateway.look(Hosts({}), {'cmp1': ['p/a']}, ['ctl1'])
    assert (seen.images, len(seen.gaps)) == ((), 1)
    assert 'cmp1' in seen.gaps[0].what
    seen = gateway.look(Hosts({'cmp1': []}), {'cmp1': ['p/a']})
    assert 'no such image' in seen.gaps[0].problem


def test_an_answer_that_is_none_is_a_gap():
    class Odd(Hosts):
        def ask(self, host, op, args, *, timeout):
            return {'images': [], 'problems': {}, 'blocked': []}

    assert gateway.look(Odd({}), {'cmp1': ['p/a']}).gaps


def test_only_hosts_of_servers_with_images_are_asked():
    rbd, iscsi = Target('rbd', NAME), Target('iscsi', 'iqn.x')
    found = [
        KeptAttachment('1', 'v1', 's1', target=rbd),
        KeptAttachment('2', 'v1', 's2', target=rbd),
        KeptAttachment('3', 'v2', 's1', target=iscsi),
        KeptAttachment('4', 'v3', 'gone', target=rbd),
    ]
    assert observe.images(found) == {'v1': [NAME, NAME], 'v3': [NAME]}
    servers = {'s1': 'cmp1', 's2': 'cmp2'}
    assert observe._wanted(servers, found) == {'cmp1': [NAME], 'cmp2': [NAME]}
    nowhere = [Server('s1', 'web', '')]
    assert observe.seen(None, nowhere, found, ()) == CephSeen()
