# SPDX-License-Identifier: Apache-2.0
"""What the token says about the account."""

import dataclasses
from typing import Any

from keystoneauth1 import exceptions as ksa_errors

from osc_recover import errors


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """The project that a token is for ('' for none), and its roles there."""

    project: str
    roles: tuple[str, ...]


def scope(session: Any) -> Scope:
    """Read the scope of a session's token.

    :raises errors.AuthFailed: when there is no token
    """
    try:
        access = session.auth.get_access(session)
    except ksa_errors.ClientException as exc:
        raise errors.AuthFailed(problem=str(exc)) from exc
    return Scope(access.project_name or '', tuple(access.role_names or ()))
