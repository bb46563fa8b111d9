# SPDX-License-Identifier: Apache-2.0
"""What systemd and container engines say, read strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover.agent import containers, errors, units

# systemd 252 of Debian 12, 219 of CentOS 7 says the same in another order.
SAID = """\
MainPID=812
Id=nova-compute.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled

Id=libvirtd.socket
LoadState=loaded
ActiveState=active
SubState=listening
UnitFileState=enabled

MainPID=0
Id=openstack-nova-compute.service
LoadState=not-found
ActiveState=inactive
SubState=dead
UnitFileState=
"""


def test_units_are_read():
    nova, socket, other = units.parse(SAID)
    assert nova == {
        'name': 'nova-compute.service',
        'load': 'loaded',
        'active': 'active',
        'sub': 'running',
        'file': 'enabled',
        'pid': 812,
    }
    assert (socket['sub'], socket['pid']) == ('listening', 0)
    assert other['load'] == 'not-found'


@pytest.mark.parametrize(
    'said',
    [
        'Failed to connect to bus: Host is down',
        SAID.replace('MainPID=812', 'MainPID=many'),
        SAID.replace('Id=libvirtd.socket\n', ''),
        SAID.replace('SubState=dead', 'Dead=yes'),
    ],
)
def test_a_line_that_is_not_understood_is_an_error(said):
    with pytest.raises(errors.Refused, match='systemctl show says'):
        units.parse(said)


@given(st.text())
def test_any_text_is_read_or_refused(said):
    try:
        found = units.parse(said)
    except errors.Refused:
        return
    assert all(unit['name'] for unit in found)


@pytest.mark.parametrize(
    'name', ['', '--all', '-a', 'a b', 'a;b', 'a\nb', '$(reboot)', 'a/b', 'ü']
)
def test_what_no_unit_is_called_is_refused(name):
    with pytest.raises(errors.Refused, match='no unit is called'):
        units.checked(['nova-compute.service', name])


def test_a_name_may_be_escaped_and_instantiated():
    names = ['getty@tty1.service', 'dev-disk-by\\x2did.swap']
    assert units.checked(names) == names


DOCKER = """\
{"name":"nova_compute","state":"running"}
{"name":"nova_libvirt","state":"exited"}
"""
PODMAN = '{"name":["nova_compute"],"state":"Running"}\n'


def test_containers_of_both_engines_are_read():
    assert containers.parse(DOCKER) == {
        'nova_compute': 'running',
        'nova_libvirt': 'exited',
    }
    assert containers.parse(PODMAN) == {'nova_compute': 'running'}


@pytest.mark.parametrize(
    'said',
    [
        'Cannot connect to the Docker daemon',
        '[]',
        '{"name": "a"}',
        '{"name": ["a", "b"], "state": "running"}',
        '{"name": "a", "state": 1}',
        'null',
    ],
)
def test_a_container_that_is_not_understood_is_an_error(said):
    with pytest.raises(errors.Refused, match='a container is told of as'):
        containers.parse(said)
