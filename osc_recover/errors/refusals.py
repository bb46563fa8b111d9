# SPDX-License-Identifier: Apache-2.0
"""Refusals: nothing was changed."""

import dataclasses
from typing import ClassVar

from osc_recover.errors.base import REFUSED, RecoverError


@dataclasses.dataclass(eq=False)
class Refused(RecoverError):
    """Nothing was changed; the way out names the flag, where there is one."""

    reason: str
    advice: str
    why: str = 'refused'

    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = '{reason}'
    hint: ClassVar[str] = '{advice}'

    @property
    def code(self) -> str:  # type: ignore[override]
        return self.why


@dataclasses.dataclass(eq=False)
class UnknownHost(RecoverError):
    """No compute service of that name."""

    host: str
    near: tuple[str, ...] = ()

    code: ClassVar[str] = 'unknown-host'
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = 'nova has no compute service on host {host!r}'

    @property
    def way_out(self) -> str:
        if self.near:
            return f'did you mean {" or ".join(self.near)}?'
        return 'openstack compute service list names the hosts'


@dataclasses.dataclass(eq=False)
class UnknownServer(RecoverError):
    """No server, or more than one, of that name or ID."""

    server: str
    found: tuple[str, ...] = ()

    code: ClassVar[str] = 'unknown-server'
    exit_status: ClassVar[int] = REFUSED

    @property
    def sentence(self) -> str:
        if self.found:
            return f'{len(self.found)} servers are called {self.server!r}'
        return f'there is no server {self.server!r}'

    @property
    def way_out(self) -> str:
        if self.found:
            return f'give the ID, one of {", ".join(self.found)}'
        return 'openstack server list --all-projects names the servers'


@dataclasses.dataclass(eq=False)
class BadSettings(RecoverError):
    """The recover: section of clouds.yaml cannot be used as it is."""

    key: str
    problem: str

    code: ClassVar[str] = 'bad-settings'
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = (
        'recover: {key} in the configuration of the cloud {problem}'
    )
    hint: ClassVar[str] = 'correct that value in clouds.yaml'


@dataclasses.dataclass(eq=False)
class NotApproved(RecoverError):
    """The operator did not approve the plan."""

    run: str
    how: str

    code: ClassVar[str] = 'not-approved'
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = 'the plan was not approved: {how}'
    hint: ClassVar[str] = (
        'nothing was changed; the plan is kept: '
        'openstack recover run start {run} carries it out'
    )


@dataclasses.dataclass(eq=False)
class FactsMoved(RecoverError):
    """A stored plan no longer fits what the cloud says."""

    run: str
    changes: tuple[str, ...]

    code: ClassVar[str] = 'facts-moved'
    exit_status: ClassVar[int] = REFUSED
    hint: ClassVar[str] = 'nothing was changed; make and read a new plan'

    @property
    def sentence(self) -> str:
        return (
            f'the cloud has changed since plan {self.run} was made: '
            + '; '.join(self.changes)
        )


@dataclasses.dataclass(eq=False)
class HostLocked(RecoverError):
    """Another process on this machine is recovering the same host."""

    host: str
    holder: str

    code: ClassVar[str] = 'host-locked'
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = (
        'another recovery of {host} is being carried out here: {holder}'
    )
    hint: ClassVar[str] = (
        'wait for it (openstack recover run list), '
        'or end it and resume its run'
    )


@dataclasses.dataclass(eq=False)
class OtherRun(RecoverError):
    """The service's disabled reason carries the marker of another run."""

    host: str
    run: str

    code: ClassVar[str] = 'other-run'
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = (
        '{host} is being recovered by run {run}, perhaps on another machine'
    )
    hint: ClassVar[str] = (
        'resume that run where it was started, or, if whoever ran it is '
        'gone for good, take it over with --take-over {run} and fencing '
        'evidence'
    )
