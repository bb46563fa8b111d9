# SPDX-License-Identifier: Apache-2.0
"""Hosts, over SSH."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from osc_recover.errors.base import FAILED, REFUSED, RecoverError


@dataclasses.dataclass(eq=False)
class HostError(RecoverError):
    """A host could not be asked, or did not answer as it should."""

    host: str

    code: ClassVar[str] = 'host-error'
    # In a run it is a step's; one that ends a command came before the first.
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = '{host}: it could not be asked'
    hint: ClassVar[str] = 'openstack recover setup check tries all hosts'


@dataclasses.dataclass(eq=False)
class HostSilent(HostError):
    """A host did not tell what was asked, for a reason that is known."""

    problem: str
    advice: str

    code: ClassVar[str] = 'host-silent'
    template: ClassVar[str] = '{problem}'

    @property
    def way_out(self) -> str:
        return self.advice


@dataclasses.dataclass(eq=False)
class BadHostName(HostError):
    """No host can be called that, so nothing was dialled."""

    name: str
    problem: str

    code: ClassVar[str] = 'bad-host-name'
    template: ClassVar[str] = '{host!r}: no host is called {name!r}: {problem}'
    hint: ClassVar[str] = (
        'openstack compute service list names the hosts; recover: hosts in '
        'clouds.yaml says which address is dialled for one'
    )


@dataclasses.dataclass(eq=False)
class BadSshConfig(HostError):
    """The configuration of SSH cannot be used as it is."""

    path: str
    problem: str

    code: ClassVar[str] = 'bad-ssh-config'
    template: ClassVar[str] = '{host}: {path} cannot be used: {problem}'
    hint: ClassVar[str] = (
        'mend it, or name another file as recover: ssh: config_file in '
        'clouds.yaml; ssh -G {host} tells what ssh reads'
    )


@dataclasses.dataclass(eq=False)
class NameUnresolved(HostError):
    """The name that is dialled has no address."""

    at: str
    problem: str

    code: ClassVar[str] = 'name-unresolved'
    template: ClassVar[str] = '{host}: {at} has no address: {problem}'
    hint: ClassVar[str] = (
        'mend DNS or /etc/hosts here, or give the address of {host} as '
        'recover: hosts in clouds.yaml'
    )


@dataclasses.dataclass(eq=False)
class ConnectFailed(HostError):
    """No SSH connection came about; ``at`` is what was dialled."""

    at: str
    problem: str

    code: ClassVar[str] = 'connect-failed'
    template: ClassVar[str] = '{host}: no connection to {at}: {problem}'
    hint: ClassVar[str] = 'see what ssh -v says about the same address'


@dataclasses.dataclass(eq=False)
class ConnectRefused(HostError):
    """The host is there, and nothing listens."""

    at: str

    code: ClassVar[str] = 'connect-refused'
    template: ClassVar[str] = '{host}: {at} refuses the connection'
    hint: ClassVar[str] = (
        'see that sshd runs there, and on that port (Port in ~/.ssh/config)'
    )


@dataclasses.dataclass(eq=False)
class ConnectTimedOut(HostError):
    """Nothing came back; ``stage`` is how far it had come."""

    at: str
    stage: str
    seconds: float

    code: ClassVar[str] = 'connect-timed-out'
    template: ClassVar[str] = (
        '{host}: {at} gave no answer within {seconds:g} s ({stage})'
    )
    hint: ClassVar[str] = (
        'see that the host is up and reachable from here; recover: ssh: '
        'connect_timeout in clouds.yaml waits longer'
    )


@dataclasses.dataclass(eq=False)
class HostKeyUnknown(HostError):
    """Nobody has said yet that this key is the host's."""

    at: str
    kind: str
    fingerprint: str
    where: str
    file: str

    code: ClassVar[str] = 'host-key-unknown'
    template: ClassVar[str] = (
        '{host}: the {kind} key of {at} is not known: {fingerprint}'
    )
    hint: ClassVar[str] = (
        'compare it with ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub on the '
        "host's console; if it is the same, ssh-keyscan {where} >> {file}, "
        'or ssh there once'
    )


@dataclasses.dataclass(eq=False)
class HostKeyChanged(HostError):
    """The host has another key than it had."""

    at: str
    known_as: str
    kind: str
    fingerprint: str
    known: str
    file: str
    line: int

    code: ClassVar[str] = 'host-key-changed'
    template: ClassVar[str] = (
        '{host}: the {kind} key of {at} HAS CHANGED: it is {fingerprint}, '
        'and {file} line {line} has {known}'
    )
    hint: ClassVar[str] = (
        'it may be another machine that listens; if the host was installed '
        'anew, compare the fingerprint on its console, then '
        "ssh-keygen -f {file} -R '{known_as}' and ssh there once"
    )


@dataclasses.dataclass(eq=False)
class HostKeyRevoked(HostError):
    """The host has a key that is marked as stolen or given up."""

    at: str
    kind: str
    fingerprint: str
    file: str
    line: int

    code: ClassVar[str] = 'host-key-revoked'
    template: ClassVar[str] = (
        '{host}: the {kind} key of {at} is @revoked in {file} line {line}: '
        '{fingerprint}'
    )
    hint: ClassVar[str] = 'make a new key on that host (ssh-keygen -A)'


@dataclasses.dataclass(eq=False)
class LoginFailed(HostError):
    """The host does not let this user in with any key there is."""

    at: str
    user: str
    problem: str
    tried: tuple[str, ...] = ()

    code: ClassVar[str] = 'login-failed'
    hint: ClassVar[str] = (
        'put a public key into the authorized_keys of that user there, or '
        'name another user or key as recover: ssh: user, identity_file in '
        'clouds.yaml; ssh-add unlocks a key'
    )

    @property
    def sentence(self) -> str:
        tried = ', '.join(self.tried) or 'nothing'
        return (
            f'{self.host}: {self.at} does not let user {self.user} in: '
            f'{self.problem}; tried: {tried}'
        )


@dataclasses.dataclass(eq=False)
class SudoPassword(HostError):
    """sudo would ask for a password, and there is none."""

    user: str

    code: ClassVar[str] = 'sudo-password'
    template: ClassVar[str] = '{host}: sudo asks user {user} for a password'
    hint: ClassVar[str] = (
        'let sudo run python3 for that user without one (NOPASSWD in '
        'sudoers), or log in as root: recover: ssh: user in clouds.yaml'
    )


@dataclasses.dataclass(eq=False)
class SudoFailed(HostError):
    """sudo is not there, or says no."""

    user: str
    problem: str

    code: ClassVar[str] = 'sudo-failed'
    template: ClassVar[str] = (
        '{host}: sudo does not start python3 for user {user}: {problem}'
    )
    hint: ClassVar[str] = (
        'let sudo run python3 for that user (sudoers), or log in as root: '
        'recover: ssh: user in clouds.yaml'
    )


@dataclasses.dataclass(eq=False)
class PythonMissing(HostError):
    """There is no python3 to run our program with."""

    user: str

    code: ClassVar[str] = 'python-missing'
    template: ClassVar[str] = (
        '{host}: there is no python3 on the PATH of user {user}'
    )
    hint: ClassVar[str] = 'install python3 there, 3.8 or newer'


@dataclasses.dataclass(eq=False)
class PythonTooOld(HostError):
    """The python3 of the host cannot run our program."""

    version: str

    code: ClassVar[str] = 'python-too-old'
    template: ClassVar[str] = '{host}: its python3 is {version}'
    hint: ClassVar[str] = (
        'have python3 on its PATH be 3.8 or newer, or do that host by hand'
    )


@dataclasses.dataclass(eq=False)
class NotOurAgent(HostError):
    """Something else than our program is heard."""

    problem: str

    code: ClassVar[str] = 'not-our-agent'
    exit_status: ClassVar[int] = FAILED
    template: ClassVar[str] = (
        '{host}: what answers is not our program: {problem}'
    )
    hint: ClassVar[str] = (
        'a login without a terminal must print nothing: look for output in '
        "the shell's start files and for a forced command (ssh {host} true)"
    )


@dataclasses.dataclass(eq=False)
class RequestTimedOut(HostError):
    """A host was silent for too long; its program was told to end."""

    op: str
    seconds: float

    code: ClassVar[str] = 'request-timed-out'
    exit_status: ClassVar[int] = FAILED
    template: ClassVar[str] = '{host}: no word of {op} for {seconds:g} s'
    hint: ClassVar[str] = (
        'whether it was done is not known: see how the host does, then look '
        'before it is tried again'
    )


@dataclasses.dataclass(eq=False)
class AgentCut(HostError):
    """Our program on a host ended before it had answered."""

    op: str
    problem: str

    code: ClassVar[str] = 'agent-cut'
    exit_status: ClassVar[int] = FAILED
    template: ClassVar[str] = (
        '{host}: our program there ended during {op}: {problem}'
    )
    hint: ClassVar[str] = (
        'whether it was done is not known: see how the host does, then look '
        'before it is tried again'
    )


@dataclasses.dataclass(eq=False)
class AgentDied(HostError):
    """A bug in our program on a host; ``trace`` is the traceback there."""

    op: str
    trace: str = dataclasses.field(repr=False)

    code: ClassVar[str] = 'agent-died'
    exit_status: ClassVar[int] = FAILED
    hint: ClassVar[str] = (
        'please report what the same command says with --debug'
    )

    @property
    def sentence(self) -> str:
        last = self.trace.strip().rpartition('\n')[2]
        return f'{self.host}: a bug in {self.op}: {last}'


@dataclasses.dataclass(eq=False)
class OperationRefused(HostError):
    """An operation on a host says no, and why; ``fields`` are its facts.

    A field called ``advice`` is the way out.
    """

    op: str
    why: str
    text: str
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    exit_status: ClassVar[int] = FAILED
    template: ClassVar[str] = '{host}: {text}'

    @property
    def code(self) -> str:  # type: ignore[override]
        return self.why

    @property
    def way_out(self) -> str:
        advice = self.fields.get('advice')
        return str(advice or 'mend that on the host, then try again')
