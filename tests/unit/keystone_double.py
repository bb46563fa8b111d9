# SPDX-License-Identifier: Apache-2.0
"""Just enough of keystone to give tokens and a catalog."""

import itertools
from typing import Any

from keystoneauth1.identity import v3
from openstack.config.cloud_region import CloudRegion

from osc_recover.gateways.cloud import Cloud
from tests.unit.service_double import Answer, Behaviour, Request

PASSWORD = 'correct horse'
REGION = 'RegionOne'


class Keystone:
    """Answers for keystone itself, and passes the rest on."""

    def __init__(self, rest: Behaviour, catalog: dict[str, str]) -> None:
        self.given = 0
        self.url = ''
        self._rest = rest
        self._catalog = catalog
        self._count = itertools.count(1)

    def __call__(self, request: Request) -> Answer:
        if request.path != '/identity/v3/auth/tokens':
            return self._rest(request)
        self.given = next(self._count)
        body = {
            'token': {
                'issued_at': '2026-11-01T00:00:00.000000Z',
                'expires_at': '2099-11-01T00:00:00.000000Z',
                'methods': ['password'],
                'user': {'id': 'u', 'name': 'admin', 'domain': {'id': 'd'}},
                'project': {'id': 'p', 'name': 'x', 'domain': {'id': 'd'}},
                'roles': [{'id': 'r', 'name': 'admin'}],
                'catalog': [self._entry(t) for t in self._catalog],
            }
        }
        headers = {'x-subject-token': f'token-{self.given}'}
        return Answer(201, body, headers)

    def _entry(self, service: str) -> dict[str, Any]:
        endpoint = {
            'id': service,
            'interface': 'public',
            'region': REGION,
            'region_id': REGION,
            'url': self.url + self._catalog[service],
        }
        return {
            'id': service,
            'name': service,
            'type': service,
            'endpoints': [endpoint],
        }


def auth(url: str) -> v3.Password:
    return v3.Password(
        auth_url=f'{url}/identity/v3',
        username='admin',
        password=PASSWORD,
        user_domain_id='d',
        project_name='x',
        project_domain_id='d',
    )


def cloud(
    url: str, timeout: float = 5, service_auth: Any = None, **config: Any
) -> Cloud:
    settings = {
        'auth': {'auth_url': f'{url}/identity/v3', 'password': PASSWORD},
        'region_name': REGION,
        'interface': 'public',
        **config,
    }
    region = CloudRegion(name='double', config=settings, auth_plugin=auth(url))
    return Cloud(region, timeout=timeout, service_auth=service_auth)
