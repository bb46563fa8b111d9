# SPDX-License-Identifier: Apache-2.0
"""Its region in keystone's catalogue, and its flavors."""

from __future__ import annotations

from tests.cloud import errors, ports, rest, seeds
from tests.zed import services, where


def catalogue() -> None:
    """The region, with an endpoint of each service in it."""
    admin = rest.Admin()
    regions = admin.get('keystone', '/regions')['regions']
    if where.REGION not in {region['id'] for region in regions}:
        admin.post('keystone', '/regions', {'region': {'id': where.REGION}})
    there = admin.get('keystone', f'/endpoints?region_id={where.REGION}')
    known = {endpoint['service_id'] for endpoint in there['endpoints']}
    for name, kind, tail in seeds.ENDPOINTS:
        [service] = admin.get('keystone', f'/services?type={kind}')['services']
        if service['id'] not in known:
            url = where.urls().get(name, ports.url(name)) + tail
            _endpoints(admin, service['id'], url)


def flavors() -> None:
    """The same as the practice cloud's."""
    seeds.flavors(services.admin())


def forget_agents() -> None:
    """Take its network agents, which are gone, out of neutron."""
    admin = rest.Admin()
    for agent in admin.get('neutron', '/agents')['agents']:
        if agent['host'] in where.HOSTS:
            admin.delete('neutron', f'/agents/{agent["id"]}')


def reachable() -> bool:
    """Whether the practice cloud's keystone and neutron answer."""
    try:
        rest.Admin().get('neutron', '/agents')
    except errors.CloudError:
        return False
    return True


def _endpoints(admin: rest.Admin, service: str, url: str) -> None:
    for interface in ('public', 'internal', 'admin'):
        endpoint = {
            'service_id': service,
            'interface': interface,
            'region_id': where.REGION,
            'url': url,
        }
        admin.post('keystone', '/endpoints', {'endpoint': endpoint})
