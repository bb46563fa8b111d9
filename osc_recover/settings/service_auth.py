# SPDX-License-Identifier: Apache-2.0
"""recover: service_auth, who asks cinder for what only services may do."""

from collections.abc import Mapping
from typing import Any

from osc_recover import errors
from osc_recover.settings import values

# keystoneauth1/loading/_plugins/identity/v3.py, Password; the cloud's own
# auth_url where none is given.
_KEYS = frozenset(
    {
        'auth_url', 'username', 'user_id', 'password', 'user_domain_name',
        'user_domain_id', 'project_name', 'project_id', 'project_domain_name',
        'project_domain_id', 'system_scope',
    }
)  # fmt: skip


def read(value: Any) -> Mapping[str, str]:
    """Read the section, which has the keys of ``auth``; it may be missing.

    :raises errors.BadSettings: without what may be secret in it
    """
    given = {
        str(key): item
        for key, item in values.section('service_auth', value or {}).items()
        if item is not None
    }
    if given and 'password' not in given:
        raise errors.BadSettings('service_auth', 'has no password')
    for key, item in given.items():
        if not isinstance(item, str | int) or isinstance(item, bool):
            raise errors.BadSettings(f'service_auth: {key}', 'is no text')
    return {key: str(given[key]) for key in given if key in _KEYS}


def unknown(value: Any) -> tuple[str, ...]:
    """Keys that mean nothing, in a section which ``read`` has read."""
    return tuple(f'service_auth: {k}' for k in value or {} if k not in _KEYS)
