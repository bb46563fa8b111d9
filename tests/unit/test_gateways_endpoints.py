# SPDX-License-Identifier: Apache-2.0
"""Catalogs are written in many ways."""

import pytest

from osc_recover.gateways import endpoints, microversions

BASE = 'http://192.0.2.1'


@pytest.mark.parametrize(
    'url, wanted, right',
    [
        (':8774/v2.1', 'v2.1', ':8774/v2.1'),
        (':8774/v2.1/', 'v2.1', ':8774/v2.1'),
        (':8774/v2.1/0123', 'v2.1', ':8774/v2.1/0123'),
        (':8774', 'v2.1', ':8774/v2.1'),
        ('/compute/v2/0123', 'v2.1', '/compute/v2.1/0123'),
        (':9696/', 'v2.0', ':9696/v2.0'),
        (':9696/v2.0', 'v2.0', ':9696/v2.0'),
        (':8776/v3/0123', 'v3', ':8776/v3/0123'),
        (':8776/v2/0123', 'v3', ':8776/v3/0123'),
        (':9292/v2', 'v2', ':9292/v2'),
        ('/image', 'v2', '/image/v2'),
        ('/placement/', '', '/placement'),
        ('/v2net/x', 'v2.0', '/v2net/x/v2.0'),
    ],
)
def test_the_version_is_put_where_it_is_missing(url, wanted, right):
    assert endpoints.versioned(BASE + url, wanted) == BASE + right


@pytest.mark.parametrize(
    'url, root',
    [
        ('http://u:pw@192.0.2.1:8774/v2.1/0123', 'http://192.0.2.1:8774/v2.1'),
        ('http://192.0.2.1/identity/v3', 'http://192.0.2.1/identity/v3'),
        ('http://192.0.2.1/identity/', 'http://192.0.2.1/identity'),
        ('', ''),
    ],
)
def test_the_root_holds_no_account(url, root):
    assert endpoints.root(url) == root


@pytest.mark.parametrize('path', ['', '/', '/v3', '/v3/', '/v2.0'])
def test_keystone_is_the_same_with_any_version(path):
    assert (
        endpoints.unversioned(f'{BASE}/identity{path}') == f'{BASE}/identity'
    )
    assert endpoints.unversioned(f'{BASE}:5000{path}') == f'{BASE}:5000'


def test_a_query_may_have_a_key_twice():
    query = endpoints.query_of('http://x/p?a=1&a=2&marker=%2B')
    assert query == {'a': ['1', '2'], 'marker': '+'}


def test_microversions_are_numbers():
    assert microversions.lower('2.96', '2.104') == '2.96'
    assert microversions.lower('2.96', '2.93') == '2.93'
    assert microversions.offers('2.100', '2.97')
    assert not microversions.offers('2.96', '2.97')
