# SPDX-License-Identifier: Apache-2.0
"""Domains as XML: what is read of them, and how little is changed."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover.agent import errors
from osc_recover.agent.domains import xml
from tests.unit.virsh_double import domain_xml


def tree(text):
    """Every element of an XML, without what may be changed."""
    found = []
    for one in ElementTree.fromstring(text).iter():
        told = {
            key: value
            for key, value in one.attrib.items()
            if key not in ('listen', 'address', 'value')
        }
        found.append((one.tag, told, (one.text or '').strip()))
    return found


ADDRESS = st.ip_addresses().map(str)


@given(ADDRESS, ADDRESS)
def test_only_addresses_of_consoles_are_changed(old, new):
    text = domain_xml(old, filter='clean')
    now, _ = xml.changed(text, listen=new)
    assert xml.facts(now)['graphics'][0]['listen'] == [new]
    assert tree(now) == tree(text)
    assert xml.changed(now, listen=new) == (now, [])


@given(ADDRESS, ADDRESS)
def test_only_the_dhcp_server_is_changed(old, new):
    text = domain_xml(filter='clean', dhcp=old)
    now, _ = xml.changed(text, dhcp=new)
    assert xml.facts(now)['dhcp'] == [new]
    assert tree(now) == tree(text)
    assert xml.facts(now)['graphics'] == xml.facts(text)['graphics']


def test_what_is_not_asked_for_is_not_changed_by_a_letter():
    text = domain_xml(filter='clean', dhcp='10.0.0.1')
    assert xml.changed(text) == (text, [])


def test_a_console_with_an_attribute_alone_is_changed():
    text = (
        '<domain><devices>'
        "<graphics type='vnc' listen='10.0.0.9'/>"
        "<graphics type='spice'><listen type='address'/></graphics>"
        '</devices></domain>'
    )
    now, told = xml.changed(text, listen='::')
    assert told == [
        'vnc listen 10.0.0.9 -> ::',
        'spice listen (none) -> ::',
    ]
    assert [g['listen'] for g in xml.facts(now)['graphics']] == [['::']] * 2


@pytest.mark.parametrize('kind', ['socket', 'network', 'none'])
def test_a_console_that_listens_at_no_address_is_left(kind):
    text = (
        "<domain><devices><graphics type='vnc'>"
        f"<listen type='{kind}'/></graphics></devices></domain>"
    )
    assert xml.changed(text, listen='10.0.0.1') == (text, [])


def test_prefixes_and_comments_stay():
    text = (
        "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
        '<!-- by hand --><metadata>'
        "<a xmlns='urn:of:somebody'><b/></a></metadata>"
        "<devices><graphics type='vnc' listen='10.0.0.9'/></devices>"
        "<qemu:commandline><qemu:arg value='-x'/></qemu:commandline>"
        '</domain>'
    )
    now, _ = xml.changed(text, listen='10.0.0.1')
    assert '<!-- by hand -->' in now
    assert '<qemu:arg value="-x" />' in now
    assert tree(now) == tree(text)


@pytest.mark.parametrize(
    'text',
    [
        '',
        'error: failed to get domain',
        '<domain>',
        '<domainsnapshot/>',
        "<domain xmlns='urn:x'/>",
        '<!DOCTYPE domain [<!ENTITY a "b">]><domain>&a;</domain>',
        '<!DOCTYPE domain SYSTEM "file:///etc/shadow"><domain/>',
        '<domain>&a;</domain>',
        '<domain>\udcff</domain>',
        '<domain>\0</domain>',
    ],
)
def test_what_is_no_domain_is_refused(text):
    with pytest.raises(errors.Refused, match='cannot be used'):
        xml.facts(text)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    with pytest.raises(errors.Refused):
        xml.facts(text)


def test_a_filter_without_a_name_is_refused():
    with pytest.raises(errors.Refused, match='without a name'):
        xml.filter_name('<filter/>')
