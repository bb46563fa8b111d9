# SPDX-License-Identifier: Apache-2.0
"""The journal and its runs."""

import dataclasses
from typing import ClassVar

from osc_recover.errors.base import REFUSED, RecoverError


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
