# SPDX-License-Identifier: Apache-2.0
"""Everything that is raised on purpose.

Each error has a ``code`` that scripts can rely on, fields, one sentence that
says what happened to what and why, and a way out.
"""

import dataclasses
from typing import ClassVar

FAILED, REFUSED, INTERRUPTED = 1, 3, 130


@dataclasses.dataclass(eq=False)
class RecoverError(Exception):
    """The root of the tree; ``str()`` is the sentence and the way out."""

    code: ClassVar[str] = 'error'
    exit_status: ClassVar[int] = FAILED
    template: ClassVar[str] = ''
    hint: ClassVar[str] = ''

    @property
    def sentence(self) -> str:
        """What happened, to what, and why."""
        return self.template.format(**self._fields())

    @property
    def way_out(self) -> str:
        """What to do now."""
        return self.hint.format(**self._fields())

    def _fields(self) -> dict[str, object]:
        return {
            f.name: getattr(self, f.name) for f in dataclasses.fields(self)
        }

    def __str__(self) -> str:
        return f'{self.sentence}; {self.way_out}'


@dataclasses.dataclass(eq=False)
class Bug(RecoverError):
    """Something that was not foreseen."""

    problem: str

    code: ClassVar[str] = 'bug'
    template: ClassVar[str] = 'a bug in this tool: {problem}'
    hint: ClassVar[str] = (
        'openstack recover run list tells what was begun; please report what '
        'the same command says with --debug'
    )


# Refusals: nothing was changed.


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


# The journal.


@dataclasses.dataclass(eq=False)
class JournalUnusable(RecoverError):
    """The journal cannot be written, so no effect may be begun."""

    path: str
    problem: str

    code: ClassVar[str] = 'journal-unusable'
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = 'the journal {path} cannot be used: {problem}'
    hint: ClassVar[str] = (
        'nothing is begun that cannot be recorded; make room or rights, or '
        'name another local file as recover: journal in clouds.yaml'
    )


@dataclasses.dataclass(eq=False)
class UnknownRun(RecoverError):
    """No run of that id, or more than one that begins like it."""

    run: str
    path: str

    code: ClassVar[str] = 'unknown-run'
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = 'there is no run {run!r} in the journal {path}'
    hint: ClassVar[str] = 'openstack recover run list names the runs'


@dataclasses.dataclass(eq=False)
class UnknownStep(RecoverError):
    """The plan of a run has no step of that name."""

    run: str
    step: str

    code: ClassVar[str] = 'unknown-step'
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = 'run {run} has no step {step!r}'
    hint: ClassVar[str] = 'openstack recover run show {run} names the steps'


@dataclasses.dataclass(eq=False)
class WrongCloud(RecoverError):
    """The run belongs to another cloud than the one this command talks to."""

    run: str
    theirs: str
    ours: str

    code: ClassVar[str] = 'wrong-cloud'
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = (
        'run {run} belongs to the cloud {theirs}, and this is {ours}'
    )
    hint: ClassVar[str] = 'choose the right cloud with --os-cloud'


# The cloud's APIs.


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
    """An answer of the 400 kind: the request was not carried out."""

    status: int = 400
    request_id: str = ''

    code: ClassVar[str] = 'api-refused'


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
class Uncertain(ApiError):
    """A write whose answer never came: it may or may not have happened."""

    code: ClassVar[str] = 'uncertain'
    hint: ClassVar[str] = 'the tool looks for its traces before anything else'


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


# Carrying out.


@dataclasses.dataclass(eq=False)
class StepFailed(RecoverError):
    """A step that did not come into effect; its lane ends here."""

    reason: str
    advice: str = 'openstack recover run resume tries it again'

    code: ClassVar[str] = 'step-failed'
    template: ClassVar[str] = '{reason}'
    hint: ClassVar[str] = '{advice}'


@dataclasses.dataclass(eq=False)
class FenceFailed(StepFailed):
    """The fence agent could not prove that the host is off."""

    code: ClassVar[str] = 'fence-failed'


@dataclasses.dataclass(eq=False)
class RunStopped(RecoverError):
    """A guard found the failed host alive, or the run no longer ours."""

    reason: str
    advice: str

    code: ClassVar[str] = 'run-stopped'
    template: ClassVar[str] = '{reason}'
    hint: ClassVar[str] = '{advice}'


@dataclasses.dataclass(eq=False)
class Interrupted(RecoverError):
    """^C or a signal; the run can be resumed."""

    run: str

    code: ClassVar[str] = 'interrupted'
    exit_status: ClassVar[int] = INTERRUPTED
    template: ClassVar[str] = 'interrupted; run {run} is cut off, not lost'
    hint: ClassVar[str] = (
        'openstack recover run resume {run} goes on where it was'
    )
