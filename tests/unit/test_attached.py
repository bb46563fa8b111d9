# SPDX-License-Identifier: Apache-2.0
"""Volumes of servers as nova has them, taken from lists."""

import dataclasses

from osc_recover.facts.snapshot import KeptAttachment, KeptMapping
from osc_recover.observe.attached import joined, listed
from tests.unit.session_facts import WEB, server

SERVER = server(WEB, volumes=('v1', 'v2'))
CINDER = KeptAttachment('a1', 'v1', WEB, ('cinder',), 'attached')
ROW = KeptMapping('m1', WEB, 'cell1', 'v1', 'a1', '/dev/vda', 0, tag='t')


def sides(found, mappings=()):
    """Volume, id and who knows it, of each that is told."""
    given = listed([SERVER], found, mappings)
    both = joined([SERVER], given, found, {}, mappings)
    return {(one.volume, one.id, one.sides) for one in both}


def test_a_volume_that_both_list_is_one_attachment():
    other = dataclasses.replace(CINDER, id='a2', volume='v2')
    assert sides((CINDER, other)) == {
        ('v1', 'a1', ('nova', 'cinder')),
        ('v2', 'a2', ('nova', 'cinder')),
    }


def test_a_volume_that_one_of_them_lacks_is_seen():
    other = dataclasses.replace(CINDER, id='a3', volume='v3')
    assert sides((CINDER, other)) == {
        ('v1', 'a1', ('nova', 'cinder')),
        ('v2', '', ('nova',)),
        ('v3', 'a3', ('cinder',)),
    }


def test_of_several_attachments_the_one_that_is_attached_is_novas():
    left = dataclasses.replace(CINDER, id='a0', status='reserved')
    assert ('v1', 'a0', ('cinder',)) in sides((left, CINDER))
    assert ('v1', 'a1', ('nova', 'cinder')) in sides((left, CINDER))


def test_a_mapping_tells_which_attachment_nova_means():
    assert ('v1', 'a1', ('nova', 'cinder')) in sides((CINDER,), (ROW,))
    older = dataclasses.replace(ROW, attachment='older')
    assert sides((CINDER,), (older,)) == {
        ('v1', 'older', ('nova',)),
        ('v1', 'a1', ('cinder',)),
        ('v2', '', ('nova',)),
    }


def test_what_a_mapping_has_of_a_volume_is_kept():
    first, _ = listed([SERVER], (CINDER,), (ROW,))
    assert (first.device, first.tag, first.mapping) == ('/dev/vda', 't', 'm1')
    disk = dataclasses.replace(ROW, volume='', attachment='')
    assert [one.volume for one in listed([SERVER], (), (disk,))] == [
        'v1',
        'v2',
    ]
