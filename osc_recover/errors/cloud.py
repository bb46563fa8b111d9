# SPDX-License-Identifier: Apache-2.0
"""The cloud's APIs."""

import dataclasses
from typing import ClassVar, TypeVar

from osc_recover.errors.base import REFUSED, RecoverError

Refusal = TypeVar('Refusal', bound='ApiRefused')


@dataclasses.dataclass(eq=False)
class ApiError(RecoverError):
    """A service answered no, or not at all."""

    service: str
    request: str
    problem: str

    code: ClassVar[str] = 'api-error'
    # In a run it is a step's; one that ends a command came before the first.
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = '{service}: {request}: {problem}'
    hint: ClassVar[str] = 'see what the log of {service} says about it'


@dataclasses.dataclass(eq=False)
class ApiUnreachable(ApiError):
    """A read that got no usable answer, tries included."""

    code: ClassVar[str] = 'api-unreachable'
    hint: ClassVar[str] = (
        'check that {service} is up and reachable from here, then try again'
    )


@dataclasses.dataclass(eq=False)
class ApiRefused(ApiError):
    """An answer of the 400 kind: the request was not carried out.

    ``kind`` is the service's own name for it, where it gives one.
    """

    status: int = 400
    request_id: str = ''
    kind: str = ''

    code: ClassVar[str] = 'api-refused'

    def named(self, kind: type[Refusal]) -> Refusal:
        """The same answer by the name of what it means."""
        return kind(
            self.service,
            self.request,
            self.problem,
            self.status,
            self.request_id,
            self.kind,
        )


@dataclasses.dataclass(eq=False)
class Gone(ApiRefused):
    """404: what the request is about does not exist (any more)."""

    code: ClassVar[str] = 'gone'
    hint: ClassVar[str] = 'it was deleted meanwhile; make a new plan'


@dataclasses.dataclass(eq=False)
class Forbidden(ApiRefused):
    """403: the account lacks a right, named by its policy."""

    code: ClassVar[str] = 'forbidden'
    exit_status: ClassVar[int] = REFUSED
    hint: ClassVar[str] = (
        'use an account with the admin role in a project '
        '(a project-scoped token)'
    )


@dataclasses.dataclass(eq=False)
class Unauthorized(ApiRefused):
    """401: the token was rejected before the service saw the request."""

    code: ClassVar[str] = 'unauthorized'
    hint: ClassVar[str] = 'check the credentials of the cloud in clouds.yaml'


@dataclasses.dataclass(eq=False)
class ChangedMeanwhile(ApiRefused):
    """Somebody changed between our reading and our write what it is about."""

    code: ClassVar[str] = 'changed-meanwhile'
    hint: ClassVar[str] = (
        'nothing was written; openstack recover run resume looks again'
    )


@dataclasses.dataclass(eq=False)
class NoRoom(ApiRefused):
    """placement has not so much left on the host."""

    code: ClassVar[str] = 'no-room-there'
    hint: ClassVar[str] = (
        'nothing was written; free some room there, or plan again with '
        '--target'
    )


@dataclasses.dataclass(eq=False)
class StillUsed(ApiRefused):
    """cinder deletes no attachment that nova uses, without a service token."""

    code: ClassVar[str] = 'still-used'
    hint: ClassVar[str] = (
        'recover: service_auth in clouds.yaml gives cinder the service token '
        'that it wants to see'
    )


@dataclasses.dataclass(eq=False)
class Uncertain(ApiError):
    """A write whose answer never came: it may or may not have happened."""

    code: ClassVar[str] = 'uncertain'
    hint: ClassVar[str] = (
        'openstack recover run resume looks for its traces before it asks '
        'again'
    )


@dataclasses.dataclass(eq=False)
class AuthFailed(RecoverError):
    """No token: keystone said no or could not be reached."""

    problem: str

    code: ClassVar[str] = 'auth-failed'
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = 'no token from keystone: {problem}'
    hint: ClassVar[str] = (
        'check the auth section of the cloud in clouds.yaml and that '
        'keystone answers: openstack token issue'
    )


# What a call of a service raises.
CALL = (ApiError, AuthFailed)
