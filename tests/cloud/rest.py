# SPDX-License-Identifier: Apache-2.0
"""A few REST calls to the cloud, as its admin, standard library only."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from tests.cloud import errors, keys, ports

PREFIX = {
    'keystone': '/v3',
    'nova': '/v2.1',
    'glance': '/v2',
    'neutron': '/v2.0',
    'cinder': '/v3',
    'placement': '',
}


class Admin:
    """One token, and calls with it.

    :param elsewhere: service -> its URL, where it is not the practice cloud's
    """

    def __init__(self, elsewhere: Mapping[str, str] | None = None) -> None:
        self._elsewhere = elsewhere or {}
        self.project = ''
        self._headers = {
            'Content-Type': 'application/json',
            'OpenStack-API-Version': 'compute 2.53, volume 3.60',
        }
        self._log_in()

    def _log_in(self) -> None:
        user = {
            'name': 'admin',
            'password': keys.PASSWORD,
            'domain': {'id': 'default'},
        }
        scope = {'project': {'name': 'admin', 'domain': {'id': 'default'}}}
        body, headers = self._send(
            'POST',
            'keystone',
            '/auth/tokens',
            {
                'auth': {
                    'identity': {
                        'methods': ['password'],
                        'password': {'user': user},
                    },
                    'scope': scope,
                }
            },
        )
        self._headers['X-Auth-Token'] = headers['X-Subject-Token']
        self.project = body['token']['project']['id']

    def get(self, service: str, path: str) -> Any:
        return self._send('GET', service, path)[0]

    def post(self, service: str, path: str, body: Any) -> Any:
        return self._send('POST', service, path, body)[0]

    def put(
        self, service: str, path: str, body: Any = None, kind: str = ''
    ) -> Any:
        return self._send('PUT', service, path, body, kind)[0]

    def delete(self, service: str, path: str) -> None:
        self._send('DELETE', service, path)

    def _send(
        self,
        method: str,
        service: str,
        path: str,
        body: Any = None,
        kind: str = '',
    ) -> tuple[Any, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {**self._headers, **({'Content-Type': kind} if kind else {})}
        request = urllib.request.Request(
            self._url(service) + PREFIX[service] + path,
            method=method,
            data=None if body is None else data,
            headers=headers,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                return json.loads(text) if text else None, answer.headers
        except urllib.error.HTTPError as exc:
            raise errors.CloudError(
                f'{service} answered {exc.code} to {method} {path}: '
                f'{exc.read().decode(errors="replace")[:500]}'
            ) from exc
        except OSError as exc:
            raise errors.CloudError(
                f'{service} does not answer at {self._url(service)}: {exc}; '
                'is the cloud up?'
            ) from exc

    def _url(self, service: str) -> str:
        return self._elsewhere.get(service) or ports.url(service)


def answers(service: str) -> bool:
    return answers_at(ports.url(service))


def answers_at(url: str) -> bool:
    """Whether an API answers at all; versions need no token."""
    try:
        urllib.request.urlopen(url + '/', timeout=5).close()
    except urllib.error.HTTPError as exc:
        return exc.code < 500
    except OSError:
        return False
    return True
