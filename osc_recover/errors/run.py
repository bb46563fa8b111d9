# SPDX-License-Identifier: Apache-2.0
"""What happens while a run is carried out."""

import dataclasses
from typing import ClassVar

from osc_recover.errors.base import INTERRUPTED, RecoverError


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
