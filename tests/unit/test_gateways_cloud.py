# SPDX-License-Identifier: Apache-2.0
"""Finding the services of a cloud and logging in to it."""

import contextlib
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from osc_recover import errors
from tests.unit import keystone_double, service_double
from tests.unit.service_double import Answer

CATALOG = {'compute': '/compute/v2.1', 'volumev3': '/volume/v3/p'}
VERSION = {'version': {'id': 'v2.1', 'version': '2.100'}}


@contextlib.contextmanager
def practice(rest, catalog=CATALOG):
    keystone = keystone_double.Keystone(rest, catalog)
    with service_double.serving(keystone) as service:
        keystone.url = service.url
        yield service


def nothing(request):
    return Answer(404)


def test_a_service_costs_no_request_to_find():
    rest = service_double.by_path({'/volume/v3/p/volumes/1': {'volume': {}}})
    with practice(rest) as service:
        cloud = keystone_double.cloud(service.url)
        cloud.volume.get('/volumes/1')
        cloud.volume.get('/volumes/1')
    assert service.seen() == [
        'GET /volume/v3/p/volumes/1',
        'GET /volume/v3/p/volumes/1',
        'POST /identity/v3/auth/tokens',
    ]


def test_a_service_that_is_not_in_the_catalog():
    with practice(nothing) as service:
        cloud = keystone_double.cloud(service.url)
        assert cloud.compute.present()
        assert not cloud.placement.present()
        assert not cloud.instance_ha.present()
        with pytest.raises(errors.ApiUnreachable, match='catalog has none'):
            cloud.placement.get('/resource_providers')


def test_masakari_may_be_called_ha():
    with practice(nothing, {'ha': '/ha/v1/p'}) as service:
        cloud = keystone_double.cloud(service.url)
        assert cloud.instance_ha.endpoint == f'{service.url}/ha/v1/p'


def test_an_endpoint_in_clouds_yaml_wins():
    with practice(nothing) as service:
        cloud = keystone_double.cloud(
            service.url,
            compute_endpoint_override='http://x.example.org/v2.1/%(project_id)s',
        )
        assert cloud.compute.endpoint == 'http://x.example.org/v2.1/p'


def test_the_region_and_interface_of_clouds_yaml_count():
    with practice(nothing) as service:
        for other in ({'region_name': 'two'}, {'interface': 'internal'}):
            cloud = keystone_double.cloud(service.url, **other)
            assert not cloud.compute.present()


def test_the_newest_microversion_of_nova():
    rest = service_double.by_path({'/compute/v2.1/': VERSION})
    with practice(rest) as service:
        assert keystone_double.cloud(service.url).compute_max() == '2.100'


def rejecting(token):
    """A service that does not take one token any more."""

    def behaviour(request):
        if request.headers['x-auth-token'] == token:
            return Answer(401, {'error': {'message': 'expired'}})
        return Answer(body={'fine': True})

    return behaviour


def test_a_read_with_a_token_that_ended_logs_in_again():
    with practice(rejecting('token-1')) as service:
        cloud = keystone_double.cloud(service.url)
        assert cloud.compute.get('/x') == {'fine': True}
    assert service.seen().count('POST /identity/v3/auth/tokens') == 2
    assert service.seen().count('GET /compute/v2.1/x') == 2


def test_a_write_with_a_token_that_ended_is_not_sent_again():
    with practice(rejecting('token-1')) as service:
        cloud = keystone_double.cloud(service.url)
        with pytest.raises(errors.Unauthorized):
            cloud.compute.write('POST', '/x', {})
        assert service.seen().count('POST /compute/v2.1/x') == 1
        # The caller may try again, with a new token.
        assert cloud.compute.write('POST', '/x', {}).body == {'fine': True}


@pytest.mark.parametrize('catalog', [{}, {'image': '/image'}])
def test_a_catalog_without_nova(catalog):
    with practice(nothing, catalog) as service:
        cloud = keystone_double.cloud(service.url)
        with pytest.raises(errors.RecoverError):
            cloud.compute_max()


def test_a_wrong_password():
    body = {'error': {'code': 401, 'message': 'The request you have made '}}
    refusing = service_double.always(status=401, body=body)
    with service_double.serving(refusing) as service:
        cloud = keystone_double.cloud(service.url)
        for ask in (cloud.compute.present, lambda: cloud.compute.get('/x')):
            with pytest.raises(errors.AuthFailed) as caught:
                ask()
            assert keystone_double.PASSWORD not in str(caught.value)


def test_what_is_written_to_cinder_has_the_token_of_a_service():
    rest = service_double.by_path(
        {'/volume/v3/p/x': {}, '/compute/v2.1/x': {}}
    )
    asks = {'username': 'svc', 'password': 'other', 'user_domain_id': 'd',
            'project_name': 'services', 'project_domain_id': 'd'}  # fmt: skip
    with practice(rest) as service:
        cloud = keystone_double.cloud(service.url, service_auth=asks)
        cloud.volume.get('/x')
        cloud.compute.write('DELETE', '/x')
        cloud.volume.write('DELETE', '/x')
        tokens = [
            (request.method, request.headers.get('x-service-token'))
            for request in service.requests
            if request.path.endswith('/x')
        ]
        logins = [
            request.body['auth']['identity']['password']['user']['password']
            for request in service.requests
            if request.path == '/identity/v3/auth/tokens'
        ]
    assert tokens == [('GET', None), ('DELETE', None), ('DELETE', 'token-2')]
    assert logins == [keystone_double.PASSWORD, 'other']


def test_a_service_that_cannot_log_in_is_told_from_the_operator():
    with practice(nothing) as service:
        auth_url = service_double.refused_url()
        asks = {'auth_url': auth_url, 'username': 's', 'password': 'other'}
        cloud = keystone_double.cloud(service.url, service_auth=asks)
        with pytest.raises(errors.AuthFailed, match='service_auth') as caught:
            cloud.volume.write('DELETE', '/x')
        assert 'DELETE /volume/v3/p/x' not in service.seen()
    assert 'other' not in str(caught.value)


def test_a_keystone_that_is_away():
    cloud = keystone_double.cloud(service_double.refused_url())
    with pytest.raises(errors.AuthFailed, match='refused'):
        cloud.compute.write('POST', '/x')


def test_a_keystone_that_hangs():
    with service_double.serving(service_double.always(hang=True)) as service:
        cloud = keystone_double.cloud(service.url, timeout=0.2)
        with pytest.raises(errors.AuthFailed, match='no answer in time'):
            cloud.compute_max()


def test_the_key_is_the_same_for_every_account():
    with practice(nothing, {'compute': '/v2.1/a-project'}) as service:
        cloud = keystone_double.cloud(service.url)
        url = service.url
        assert cloud.key == f'{url}/identity RegionOne {url}/v2.1'


def test_many_requests_at_once_do_not_complain_about_connections(caplog):
    # At 32 workers, urllib3 would warn of each connection over its ten.
    together = threading.Barrier(32, timeout=5)

    def rest(request):
        together.wait()
        return Answer(body={})

    with practice(rest) as service, caplog.at_level(logging.WARNING):
        cloud = keystone_double.cloud(service.url)
        assert cloud.session.get_token()
        with ThreadPoolExecutor(32) as pool:
            list(pool.map(cloud.compute.get, ['/servers'] * 64))
    assert caplog.messages == []
