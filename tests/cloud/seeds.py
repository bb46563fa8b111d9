# SPDX-License-Identifier: Apache-2.0
"""What every practice cloud holds from the start."""

from __future__ import annotations

import os
from typing import Any

from tests.cloud import keys, ports, rest

# Name, type and what follows the port in the endpoint's URL.
ENDPOINTS = (
    ('keystone', 'identity', '/v3'),
    ('placement', 'placement', ''),
    ('glance', 'image', ''),
    ('neutron', 'network', ''),
    ('cinder', 'volumev3', '/v3/%(project_id)s'),
    ('cinder', 'block-storage', '/v3/%(project_id)s'),
    ('nova', 'compute', '/v2.1'),
)
FLAVORS = {'tiny': 1, 'tiny-nodisk': 0}
IMAGE_SIZE = 1024 * 1024


def identity() -> None:
    """Users and endpoints: what the other services ask keystone for."""
    admin = rest.Admin()
    region(admin)
    services(admin)
    for name, roles in (
        ('service', ('admin', 'service')),
        ('practice-member', ('member',)),
    ):
        user(admin, name, roles)


def region(admin: rest.Admin) -> None:
    if not admin.get('keystone', '/regions')['regions']:
        admin.post('keystone', '/regions', {'region': {'id': 'RegionOne'}})


def services(admin: rest.Admin) -> None:
    for name, kind, tail in ENDPOINTS:
        if admin.get('keystone', f'/services?type={kind}')['services']:
            continue
        made = admin.post(
            'keystone', '/services', {'service': {'name': name, 'type': kind}}
        )['service']
        for interface in ('public', 'internal', 'admin'):
            admin.post(
                'keystone',
                '/endpoints',
                {
                    'endpoint': {
                        'service_id': made['id'],
                        'interface': interface,
                        'region_id': 'RegionOne',
                        'url': ports.url(name) + tail,
                    }
                },
            )


def user(admin: rest.Admin, name: str, roles: tuple[str, ...]) -> None:
    """A user in a project of the same name, with these roles in it."""
    project = _ensure(admin, 'keystone', 'project', name, {})
    account = _ensure(
        admin,
        'keystone',
        'user',
        name,
        {'password': keys.PASSWORD, 'default_project_id': project},
    )
    known = {
        role['name']: role['id']
        for role in admin.get('keystone', '/roles')['roles']
    }
    for role in roles:
        admin.put(
            'keystone',
            f'/projects/{project}/users/{account}/roles/{known[role]}',
        )


def volume_type() -> None:
    admin = rest.Admin()
    path = f'/{admin.project}/types'
    found = admin.get('cinder', path)['volume_types']
    if any(kind['name'] == 'practice-lvm' for kind in found):
        return
    admin.post(
        'cinder',
        path,
        {
            'volume_type': {
                'name': 'practice-lvm',
                'extra_specs': {'volume_backend_name': 'lab'},
            }
        },
    )


def flavors(admin: rest.Admin | None = None) -> None:
    admin = admin or rest.Admin()
    there = {f['name'] for f in admin.get('nova', '/flavors')['flavors']}
    for name, disk in FLAVORS.items():
        if name not in there:
            admin.post(
                'nova',
                '/flavors',
                {
                    'flavor': {
                        'name': name,
                        'id': name,
                        'vcpus': 1,
                        'ram': 64,
                        'disk': disk,
                    }
                },
            )


def image() -> None:
    admin = rest.Admin()
    if admin.get('glance', '/images?name=practice')['images']:
        return
    made = admin.post(
        'glance',
        '/images',
        {
            'name': 'practice',
            'disk_format': 'raw',
            'container_format': 'bare',
            'visibility': 'public',
            'min_disk': 0,
        },
    )
    admin.put(
        'glance',
        f'/images/{made["id"]}/file',
        os.urandom(IMAGE_SIZE),
        'application/octet-stream',
    )


def network() -> None:
    """Shared, so that the plain user can boot on it too."""
    admin = rest.Admin()
    made = _ensure(
        admin, 'neutron', 'network', 'practice-net', {'shared': True}
    )
    # Without DHCP, or ports would wait for an agent there is none of.
    _ensure(
        admin,
        'neutron',
        'subnet',
        'practice-subnet',
        {
            'network_id': made,
            'ip_version': 4,
            'cidr': '10.99.0.0/16',
            'enable_dhcp': False,
            'gateway_ip': None,
        },
    )


def _ensure(
    admin: rest.Admin, service: str, noun: str, name: str, body: dict[str, Any]
) -> str:
    found = admin.get(service, f'/{noun}s?name={name}')[f'{noun}s']
    if found:
        return str(found[0]['id'])
    made = admin.post(service, f'/{noun}s', {noun: {'name': name, **body}})
    return str(made[noun]['id'])
