# SPDX-License-Identifier: Apache-2.0
"""The cloud: its services, its session and its name."""

import functools
from collections.abc import Mapping
from typing import Any

from keystoneauth1 import adapter as ksa_adapter
from keystoneauth1 import exceptions as ksa_errors
from keystoneauth1.identity import v3
from openstack import exceptions as sdk_errors

from osc_recover import errors
from osc_recover.gateways import endpoints
from osc_recover.gateways.api import Api

TIMEOUT = 60.0
CONNECTIONS = 100  # kept open to a service; requests would keep 10, and warn


class Cloud:
    """One cloud in one region, as openstacksdk's configuration describes it.

    Making one sends nothing; the first request fetches the token.

    :param region: an ``openstack.config.cloud_region.CloudRegion``, such as
        ``client_manager.sdk_connection.config``
    :param timeout: seconds until a request without an answer is given up
    :param service_auth: who asks cinder for what only services may do
    """

    def __init__(
        self,
        region: Any,
        *,
        timeout: float = TIMEOUT,
        service_auth: Mapping[str, str] | None = None,
    ) -> None:
        self.timeout = timeout
        self._config = region
        self._service_auth = service_auth or {}

    @property
    def name(self) -> str:
        """The name in clouds.yaml; empty where there is none."""
        return str(self._config.name or '')

    @property
    def region(self) -> str:
        """The region's name, or an empty text."""
        return str(self._config.get_region_name('compute') or '')

    @functools.cached_property
    def key(self) -> str:
        """A text that is the same whenever this cloud is talked to.

        It is keystone's URL, the region and nova's endpoint without its
        project, so that another account or another name in clouds.yaml of the
        same cloud finds the same runs.

        :raises errors.ApiUnreachable: when the catalog has no compute service
        :raises errors.AuthFailed: when there is no token
        """
        auth = self._config.config.get('auth') or {}
        # .../identity and .../identity/v3 are one keystone.
        keystone = endpoints.unversioned(str(auth.get('auth_url') or ''))
        nova = endpoints.root(self.compute.endpoint)
        return f'{keystone} {self.region} {nova}'

    @functools.cached_property
    def compute(self) -> Api:
        """nova."""
        return self._api('compute', 'nova', 'v2.1')

    @functools.cached_property
    def placement(self) -> Api:
        """placement."""
        return self._api('placement', 'placement', '')

    @functools.cached_property
    def network(self) -> Api:
        """neutron."""
        return self._api('network', 'neutron', 'v2.0')

    @functools.cached_property
    def volume(self) -> Api:
        """cinder."""
        return self._api(
            'block-storage', 'cinder', 'v3', service=self._service()
        )

    @functools.cached_property
    def image(self) -> Api:
        """glance."""
        return self._api('image', 'glance', 'v2')

    @functools.cached_property
    def share(self) -> Api:
        """manila; asked only whether it is there."""
        return self._api('shared-file-system', 'manila', 'v2')

    @functools.cached_property
    def instance_ha(self) -> Api:
        """masakari, which catalogs hold as instance-ha or as ha."""
        found = self._api('instance-ha', 'masakari', 'v1')
        return found if found.present() else self._api('ha', 'masakari', 'v1')

    @property
    def sent(self) -> dict[str, int]:
        """How many requests were sent so far, by the service's name."""
        made = [api for api in vars(self).values() if isinstance(api, Api)]
        return {api.name: api.sent for api in made if api.sent}

    def compute_max(self) -> str:
        """The newest microversion nova offers.

        :raises errors.ApiError: as Api.get() does
        """
        return self.compute.newest

    def _service(self) -> Any:
        """A login of a service's own, or None."""
        if not self._service_auth:
            return None
        auth = self._config.config.get('auth') or {}
        given: dict[str, Any] = {'auth_url': auth.get('auth_url')}
        return v3.Password(**{**given, **self._service_auth})

    def _api(
        self, kind: str, name: str, version: str, service: Any = None
    ) -> Api:
        config = self._config
        adapter = ksa_adapter.Adapter(
            session=self.session,
            service_type=config.get_service_type(kind),
            service_name=config.get_service_name(kind),
            interface=config.get_interface(kind),
            region_name=config.get_region_name(kind),
            endpoint_override=config.get_endpoint(kind),
        )
        return Api(
            adapter,
            name=name,
            version=version,
            timeout=self.timeout,
            service=service,
        )

    @functools.cached_property
    def session(self) -> Any:
        """The session that every request goes through.

        :raises errors.AuthFailed: when clouds.yaml does not give one
        """
        try:
            session = self._config.get_session()
        except (
            ksa_errors.ClientException,
            sdk_errors.SDKException,
        ) as exc:
            raise errors.AuthFailed(problem=str(exc)) from exc
        if session.timeout is None:
            # Without it, a keystone that hangs would hang us.
            session.timeout = self.timeout
        for adapter in session.session.adapters.values():
            adapter.init_poolmanager(CONNECTIONS, CONNECTIONS)
        return session
