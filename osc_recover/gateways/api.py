# SPDX-License-Identifier: Apache-2.0
"""One service of the cloud over HTTP: reads that may be repeated, writes that
are sent once.

Rules: keystoneauth1's own retries, redirects and second authentication are
told what to do in each request, whatever clouds.yaml says about retries, as a
repeated write may be a second effect.
"""

import dataclasses
import functools
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from keystoneauth1 import adapter as ksa_adapter
from keystoneauth1 import exceptions as ksa_errors

from osc_recover import errors
from osc_recover.gateways import answers, endpoints, foreign

Params = Mapping[str, Any]
CONNECT_TIMEOUT = 10.0
RETRIES = 2
RETRY_DELAY = 0.5
RETRIED = [502, 503, 504]
_ACCEPT = {'Accept': 'application/json'}


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """What a service answered to a write, and its id of the request."""

    body: dict[str, Any]
    request_id: str = ''


class Api:
    """One service, as the catalog (or clouds.yaml) names it.

    :param adapter: says session, service type, interface, region and override
    :param name: the service's name for messages, such as nova
    :param version: the version segment of its URLs, such as v2.1; may be empty
    :param timeout: seconds until a request without an answer is given up
    :param service: the auth plugin of a service's account, whose token goes
        along with what is written
    """

    def __init__(
        self,
        adapter: ksa_adapter.Adapter,
        *,
        name: str,
        version: str = '',
        timeout: float = 60.0,
        service: Any = None,
    ) -> None:
        self.name = name
        self._service = service
        self.timeout = timeout
        self.sent = 0  # requests, without the session's own repetitions
        self._counting = threading.Lock()
        self._adapter = adapter
        self._session = adapter.session
        self._version = version
        # For the microversion's header and the debug log.
        self._type = {'service_type': adapter.service_type}

    # Where it is.

    def present(self) -> bool:
        """Whether the catalog or clouds.yaml has the service.

        :raises errors.AuthFailed: when there is no token
        """
        return self._endpoint is not None

    @functools.cached_property
    def endpoint(self) -> str:
        """The URL that paths are appended to.

        :raises errors.ApiUnreachable: when the catalog lacks the service
        :raises errors.AuthFailed: when there is no token
        """
        if self._endpoint is None:
            raise errors.ApiUnreachable(
                service=self.name,
                request='looking for its endpoint',
                problem=f'the catalog has none {self._wanted()}',
            )
        return endpoints.versioned(self._endpoint, self._version)

    @functools.cached_property
    def _endpoint(self) -> str | None:
        try:
            # Without a version asked for and with skip_discovery, this is a
            # look into the catalog that came with the token.
            url = self._adapter.get_endpoint(skip_discovery=True)
            return self._filled(url) if url else None
        # A ValueError: two services of that type, both without endpoints, as
        # cinder's are for a token without a project.
        except (ksa_errors.EndpointNotFound, ValueError):
            return None
        except ksa_errors.ClientException as exc:
            raise errors.AuthFailed(problem=_told(exc)) from exc

    def _filled(self, url: str) -> str:
        if '%(' not in url and '$(' not in url:
            return str(url)
        project = self._session.get_project_id() or ''
        names = {
            'project_id': project,
            'tenant_id': project,
            'user_id': self._session.get_user_id() or '',
        }
        for name, value in names.items():
            url = url.replace(f'%({name})s', value)
            url = url.replace(f'$({name})s', value)
        return url

    def _wanted(self) -> str:
        wanted = {
            'of type': self._adapter.service_type,
            'interface': self._adapter.interface,
            'region': self._adapter.region_name,
        }
        return ', '.join(f'{key} {value}' for key, value in wanted.items())

    @functools.cached_property
    def newest(self) -> str:
        """The newest microversion the service offers, from one request.

        :raises errors.ApiError: as get() does
        """
        url = f'{endpoints.root(self.endpoint)}/'
        data = foreign.Foreign.of(self.name, 'GET /', self._get(url, '/'))
        version = data.inner('version')
        return version.text('version', '') or version.text('max_version')

    # Reads.

    def get(
        self,
        path: str,
        *,
        microversion: str | None = None,
        params: Params | None = None,
        private: bool = False,
    ) -> dict[str, Any]:
        """Read one document; tried again when the service is out of reach.

        :param private: the answer holds passwords, which no log may have
        :raises errors.ApiUnreachable: no usable answer, tries included
        :raises errors.ApiRefused: (Gone, Forbidden, Unauthorized) it said no
        :raises errors.AuthFailed: no token
        """
        url = self.endpoint + path
        return self._get(url, path, microversion, params, private)

    def pages(
        self,
        path: str,
        key: str,
        *,
        microversion: str | None = None,
        params: Params | None = None,
        private: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Read a list, page after page, as the service links them.

        :param key: where the list is in each page
        :param private: as for get()
        :raises errors.ApiError: as get(), and for pages that run in a circle
        """
        query: Params | None = dict(params or {})
        seen: list[Params] = []
        while query is not None:
            if query in seen:
                raise foreign.odd(
                    self.name, f'GET {path}', 'links to a page already read'
                )
            seen.append(query)
            page = self.get(
                path,
                microversion=microversion,
                params=query,
                private=private,
            )
            items = foreign.Foreign.of(self.name, f'GET {path}', page)
            found = items.objects(key)
            yield from (item.data for item in found)
            query = _next(page, key) if found else None

    def _get(
        self,
        url: str,
        path: str,
        microversion: str | None = None,
        params: Params | None = None,
        private: bool = False,
    ) -> dict[str, Any]:
        request = f'GET {path}'
        response = self._ask(url, request, microversion, params, private)
        if response.status_code == 401:
            response = self._ask(url, request, microversion, params, private)
        self._check(response, request, sent_once=False)
        return self._body(response, request, sent_once=False)

    def _ask(
        self,
        url: str,
        request: str,
        microversion: str | None,
        params: Params | None,
        private: bool,
    ) -> Any:
        return self._send(
            url,
            'GET',
            request,
            sent_once=False,
            log=not private,
            microversion=microversion,
            params=dict(params or {}),
            connect_retries=RETRIES,
            connect_retry_delay=RETRY_DELAY,
            status_code_retries=RETRIES,
            status_code_retry_delay=RETRY_DELAY,
            retriable_status_codes=RETRIED,
        )

    # Writes.

    def write(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        microversion: str | None = None,
        headers: Mapping[str, str] | None = None,
        private: bool = False,
    ) -> Reply:
        """Send one request, once, and say for certain what is certain.

        :param private: one of the bodies holds passwords
        :raises errors.ApiUnreachable: nothing was sent
        :raises errors.ApiRefused: (Gone, Forbidden, Unauthorized) it said no
        :raises errors.Uncertain: it may or may not have happened
        :raises errors.AuthFailed: no token, so nothing was sent
        """
        request = f'{method} {path}'
        response = self._send(
            self.endpoint + path,
            method,
            request,
            sent_once=True,
            microversion=microversion,
            headers={**(headers or {}), **self._service_token()},
            log=not private,
            json=body,
            redirect=False,
            connect_retries=0,
            status_code_retries=0,
        )
        self._check(response, request, sent_once=True)
        found = self._body(response, request, sent_once=True)
        return Reply(found, answers.request_id(response.headers))

    # Both.

    def _send(
        self,
        url: str,
        method: str,
        request: str,
        *,
        sent_once: bool,
        headers: Mapping[str, str] | None = None,
        **how: Any,
    ) -> Any:
        token = self._token()
        with self._counting:
            self.sent += 1
        outside = sys.exception()
        try:
            response = self._session.request(
                url,
                method,
                # The token is fetched before, so that a failure in here is
                # the service's and not keystone's.
                authenticated=False,
                allow_reauth=False,
                raise_exc=False,
                headers={**_ACCEPT, **(headers or {}), **token},
                endpoint_filter=self._type,
                timeout=(min(CONNECT_TIMEOUT, self.timeout), self.timeout),
                **how,
            )
        except ksa_errors.ClientException as exc:
            links = answers.causes(exc, outside)
            certain = not sent_once or answers.never_sent(links)
            kind = errors.ApiUnreachable if certain else errors.Uncertain
            why = answers.reason(links)
            raise kind(self.name, request, why) from exc
        if response.status_code == 401:
            self._drop(token)
            if self._service is not None:
                self._service.invalidate()
        return response

    def _token(self) -> dict[str, str]:
        try:
            return dict(self._session.get_auth_headers() or {})
        except ksa_errors.ClientException as exc:
            raise errors.AuthFailed(problem=_told(exc)) from exc

    def _service_token(self) -> dict[str, str]:
        if self._service is None:
            return {}
        try:
            token = self._session.get_token(auth=self._service)
        except ksa_errors.ClientException as exc:
            problem = f'recover: service_auth: {_told(exc)}'
            raise errors.AuthFailed(problem=problem) from exc
        return {'X-Service-Token': str(token)}

    def _drop(self, token: Mapping[str, str]) -> None:
        # Another thread may have fetched a new one meanwhile.
        if self._token() == token:
            self._session.invalidate()

    def _check(self, response: Any, request: str, *, sent_once: bool) -> None:
        status = response.status_code
        if 200 <= status < 300:
            return
        text = answers.message(response.text) or response.reason or 'no text'
        number = answers.request_id(response.headers)
        if 300 <= status < 500:
            raise _refusal(status)(
                service=self.name,
                request=request,
                problem=_refused(status, text),
                status=status,
                request_id=number,
                kind=answers.kind(response.text),
            )
        kind = errors.Uncertain if sent_once else errors.ApiUnreachable
        problem = f'{status} {text}' + (f' ({number})' if number else '')
        raise kind(service=self.name, request=request, problem=problem)

    def _body(
        self, response: Any, request: str, *, sent_once: bool
    ) -> dict[str, Any]:
        if not response.content and sent_once:
            return {}
        try:
            body = json.loads(response.content)
        except ValueError:
            body = None
        if isinstance(body, dict):
            return body
        kind = errors.Uncertain if sent_once else errors.ApiUnreachable
        raise kind(
            service=self.name,
            request=request,
            problem=f'{response.status_code}, but its body is no JSON object',
        )


def _refusal(status: int) -> type[errors.ApiRefused]:
    kinds: dict[int, type[errors.ApiRefused]] = {
        401: errors.Unauthorized,
        403: errors.Forbidden,
        404: errors.Gone,
    }
    return kinds.get(status, errors.ApiRefused)


def _refused(status: int, text: str) -> str:
    rule = answers.policy(text) if status == 403 else ''
    return f'policy {rule} does not allow it' if rule else f'{status} {text}'


def _told(exc: ksa_errors.ClientException) -> str:
    """What keystone (or the lack of it) said."""
    if isinstance(exc, ksa_errors.ConnectionError):
        return f'it cannot be reached: {answers.reason(answers.causes(exc))}'
    return answers.message(str(exc))


def _next(page: Mapping[str, Any], key: str) -> Params | None:
    """The query of the next page: nova and cinder link it as <key>_links,
    neutron and glance as <key>_links or next; None at the end.
    """
    if isinstance(href := page.get('next'), str):
        return endpoints.query_of(href)
    for name in (f'{key}_links', 'links'):
        links = page.get(name)
        for link in links if isinstance(links, list) else []:
            if isinstance(link, dict) and link.get('rel') == 'next':
                return endpoints.query_of(str(link.get('href', '')))
    return None
