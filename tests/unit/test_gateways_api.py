# SPDX-License-Identifier: Apache-2.0
"""Reads are repeated, writes are sent once, and each error tells the truth."""

import pytest

from osc_recover import errors
from tests.unit import service_double as double
from tests.unit.service_double import Answer

NOVA_403 = {
    'forbidden': {
        'code': 403,
        'message': "Policy doesn't allow os_compute_api:os-evacuate to be "
        'performed.',
    }
}
FAULTS = {
    '400': Answer(400, {'badRequest': {'code': 400, 'message': 'bad host'}}),
    '401': Answer(401, {'error': {'message': 'no such token'}}),
    '403': Answer(403, NOVA_403),
    '404': Answer(404, {'itemNotFound': {'message': 'no server'}}),
    '409': Answer(409, {'conflictingRequest': {'message': 'vm_state'}}),
    '302': Answer(302, '', {'location': '/elsewhere'}),
    '500': Answer(500, {'computeFault': {'message': 'oops'}}),
    '503': Answer(503, 'down'),
    'cut': Answer(cut=True),
    'hang': Answer(hang=True),
    'not JSON': Answer(200, '<html>hello</html>'),
    'a list': Answer(200, []),
}
WRITE_ERRORS = {
    '400': errors.ApiRefused,
    '401': errors.Unauthorized,
    '403': errors.Forbidden,
    '404': errors.Gone,
    '409': errors.ApiRefused,
    '302': errors.ApiRefused,
    '500': errors.Uncertain,
    '503': errors.Uncertain,
    'cut': errors.Uncertain,
    'hang': errors.Uncertain,
    'not JSON': errors.Uncertain,
    'a list': errors.Uncertain,
}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr('osc_recover.gateways.api.RETRY_DELAY', 0.01)


def write(url, timeout=0.5):
    return double.api(url, timeout=timeout).write(
        'POST', '/servers/1/action', {'evacuate': {}}, microversion='2.68'
    )


@pytest.mark.parametrize('fault', sorted(FAULTS))
def test_a_write_is_sent_once_whatever_the_service_does(fault):
    with (
        double.serving(lambda request: FAULTS[fault]) as service,
        pytest.raises(errors.ApiError) as caught,
    ):
        write(service.url)
    assert type(caught.value) is WRITE_ERRORS[fault]
    assert len(service.requests) == 1
    assert caught.value.__cause__ or fault not in ('cut', 'hang')


def test_a_write_brings_its_body_and_request_id():
    headers = {'x-compute-request-id': 'req-1'}
    answer = Answer(202, {'adminPass': None}, headers)
    with double.serving(lambda request: answer) as service:
        reply = write(service.url)
    (request,) = service.requests
    assert (reply.body, reply.request_id) == ({'adminPass': None}, 'req-1')
    assert request.body == {'evacuate': {}}
    assert request.headers['openstack-api-version'] == 'compute 2.68'
    assert request.headers['x-auth-token'] == double.TOKEN


def test_an_empty_body_is_a_good_answer_to_a_write():
    with double.serving(double.always(status=202, body=b'')) as service:
        assert write(service.url).body == {}


def test_a_write_to_a_closed_port_was_certainly_not_sent():
    with pytest.raises(errors.ApiUnreachable, match='refused') as caught:
        write(double.refused_url())
    assert type(caught.value) is errors.ApiUnreachable


def test_a_write_to_an_unknown_name_was_certainly_not_sent():
    with pytest.raises(errors.ApiUnreachable, match='resolved'):
        write('http://nova.invalid')


def test_a_write_cut_off_while_a_refusal_is_handled_stays_uncertain():
    # Python chains the handled error to the new one; what it says about the
    # earlier request must not be taken for this one's.
    with double.serving(double.always(cut=True)) as service:
        try:
            write(double.refused_url())
        except errors.ApiUnreachable:
            with pytest.raises(errors.Uncertain):
                write(service.url)


def test_the_request_id_is_kept_where_the_answer_is_uncertain():
    headers = {'x-openstack-request-id': 'req-7'}
    answer = Answer(500, {'computeFault': {'message': 'oops'}}, headers)
    with (
        double.serving(lambda request: answer) as service,
        pytest.raises(errors.Uncertain, match=r'500 oops \(req-7\)'),
    ):
        write(service.url)


def test_a_refusal_carries_status_and_request_id():
    headers = {'x-openstack-request-id': 'req-8'}
    answer = Answer(409, {'conflictingRequest': {'message': 'no'}}, headers)
    with (
        double.serving(lambda request: answer) as service,
        pytest.raises(errors.ApiRefused) as caught,
    ):
        write(service.url)
    assert (caught.value.status, caught.value.request_id) == (409, 'req-8')
    assert str(caught.value).startswith('nova: POST /servers/1/action: 409 no')


def test_a_policy_is_named():
    with (
        double.serving(lambda request: FAULTS['403']) as service,
        pytest.raises(errors.Forbidden) as caught,
    ):
        write(service.url)
    problem = 'policy os_compute_api:os-evacuate does not allow it'
    assert caught.value.problem == problem


@pytest.mark.parametrize('fault', sorted(FAULTS))
def test_no_error_shows_the_token(fault):
    with (
        double.serving(lambda request: FAULTS[fault]) as service,
        pytest.raises(errors.ApiError) as caught,
    ):
        write(service.url)
    links = [caught.value, caught.value.__cause__, caught.value.__context__]
    assert not any(double.TOKEN in f'{link!r} {link}' for link in links)


@pytest.mark.parametrize('status', [502, 503, 504])
def test_a_read_is_tried_again_when_the_service_is_away(status):
    answers = iter([Answer(status), Answer(status), Answer(body={'a': 1})])
    with double.serving(lambda request: next(answers)) as service:
        assert double.api(service.url).get('/x') == {'a': 1}
    assert len(service.requests) == 3


def test_a_read_is_tried_again_when_the_connection_breaks():
    answers = iter([Answer(cut=True), Answer(body={'a': 1})])
    with double.serving(lambda request: next(answers)) as service:
        assert double.api(service.url).get('/x') == {'a': 1}


@pytest.mark.parametrize('fault, tries', [('503', 3), ('500', 1), ('cut', 3)])
def test_a_read_gives_up_in_the_end(fault, tries):
    with (
        double.serving(lambda request: FAULTS[fault]) as service,
        pytest.raises(errors.ApiUnreachable),
    ):
        double.api(service.url).get('/x')
    assert len(service.requests) == tries


def test_a_read_of_a_hanging_service_ends():
    with (
        double.serving(lambda request: FAULTS['hang']) as service,
        pytest.raises(errors.ApiUnreachable, match='no answer in time'),
    ):
        double.api(service.url, timeout=0.2).get('/x')


@pytest.mark.parametrize('fault', ['not JSON', 'a list'])
def test_a_read_of_something_else_is_no_answer(fault):
    with (
        double.serving(lambda request: FAULTS[fault]) as service,
        pytest.raises(errors.ApiUnreachable, match='no JSON object'),
    ):
        double.api(service.url).get('/x')


@pytest.mark.parametrize(
    'fault, kind',
    [
        ('400', errors.ApiRefused),
        ('401', errors.Unauthorized),
        ('403', errors.Forbidden),
        ('404', errors.Gone),
    ],
)
def test_a_read_that_is_refused_says_so(fault, kind):
    with (
        double.serving(lambda request: FAULTS[fault]) as service,
        pytest.raises(errors.ApiRefused) as caught,
    ):
        double.api(service.url).get('/x')
    assert type(caught.value) is kind


def paged(link):
    """Three pages of two, linked as the test wants."""

    def behaviour(request):
        marker = int(request.query.get('marker', ['0'])[0])
        items = [{'id': str(n)} for n in range(marker + 1, marker + 3)]
        page = {'things': items}
        if marker < 4:
            url = f'https://wrong.example.org/things?a=b&marker={marker + 2}'
            page |= link(url)
        return Answer(body=page)

    return behaviour


@pytest.mark.parametrize(
    'link',
    [
        lambda url: {'things_links': [{'rel': 'next', 'href': url}]},
        lambda url: {'links': [{'rel': 'next', 'href': url}]},
        lambda url: {'next': url},
    ],
)
def test_pages_are_followed_on_the_endpoint_we_know(link):
    with double.serving(paged(link)) as service:
        found = list(double.api(service.url).pages('/things', 'things'))
    assert [item['id'] for item in found] == list('123456')
    assert len(service.requests) == 3
    assert service.requests[2].query == {'a': ['b'], 'marker': ['4']}


def test_pages_in_a_circle_are_an_error():
    link = {'rel': 'next', 'href': 'http://x/things?marker=1'}
    page = {'things': [{'id': '1'}], 'things_links': [link]}
    with (
        double.serving(double.always(body=page)) as service,
        pytest.raises(errors.ApiError, match='already read'),
    ):
        list(double.api(service.url).pages('/things', 'things'))
    assert len(service.requests) == 2


def test_an_empty_page_is_the_last():
    link = {'rel': 'next', 'href': 'http://x/things?marker=1'}
    page = {'things': [], 'things_links': [link]}
    with double.serving(double.always(body=page)) as service:
        assert not list(double.api(service.url).pages('/things', 'things'))
    assert len(service.requests) == 1


@pytest.mark.parametrize('page', [{}, {'things': {}}, {'things': ['x']}])
def test_a_page_of_an_odd_shape_is_an_error(page):
    with (
        double.serving(double.always(body=page)) as service,
        pytest.raises(errors.ApiError, match='not understood'),
    ):
        list(double.api(service.url).pages('/things', 'things'))


def test_the_newest_microversion_is_asked_for_once():
    version = {'id': 'v2.1', 'version': '2.104', 'min_version': '2.1'}
    answers = double.by_path({'/v2.1/': {'version': version}})
    with double.serving(answers) as service:
        api = double.api(f'{service.url}/v2.1/0123', version='v2.1')
        assert (api.newest, api.newest) == ('2.104', '2.104')
    assert service.seen() == ['GET /v2.1/']
