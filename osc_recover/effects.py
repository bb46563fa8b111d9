# SPDX-License-Identifier: Apache-2.0
"""What the engine and the operations agree on."""

import dataclasses
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from osc_recover.plan import Step


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What an operation tells: a sentence, the request's id, facts to keep."""

    note: str = ''
    request_id: str = ''
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Control:
    """How a run is ended early: at once, or before the next effect."""

    def __init__(self) -> None:
        self._cut = threading.Event()
        self._brake = ''
        self.waiting = 0  # lanes that wait for a slot

    def cut(self) -> None:
        """Leave every wait now; what is under way is found by a resume."""
        self._cut.set()

    def brake(self, reason: str) -> None:
        """Begin no further effect; follow to the end what is under way."""
        self._brake = self._brake or reason

    @property
    def braked(self) -> str:
        """Why no further effect is begun, or ''."""
        return self._brake

    @property
    def is_cut(self) -> bool:
        """Whether the run was told to leave."""
        return self._cut.is_set()

    def wait(self, seconds: float) -> None:
        """Pause; raises ``Cut`` as soon as the run is cut."""
        if self._cut.wait(max(seconds, 0)):
            raise Cut


class Cut(Exception):
    """A wait was left because the run was cut; nothing has gone wrong."""


class Operation(Protocol):
    """A verb: how to ask for an effect, how to tell it, how to see its end."""

    writes: bool
    grace: float  # seconds that a request without an answer may be queued

    def in_effect(self, step: Step, lost: bool = False) -> bool | None:
        """Whether the effect is there or accepted; None: nobody can tell.

        ``lost``: a request without an answer may be under way, so that a no
        needs every trace to say so.
        """

    def apply(self, step: Step) -> Result:
        """Bring the effect about, with one request."""

    def follow(self, step: Step, control: Control) -> Result:
        """Wait until the effect is complete and proven; raises StepFailed."""


class Looking:
    """An operation that only looks: whatever it sees, it looks anew."""

    writes = False
    grace = 0.0

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """A look of before does not count."""
        return False

    def apply(self, step: Step) -> Result:
        """There is nothing to bring about."""
        return Result()


class Kept(Protocol):
    """What the journal of a run has kept of its steps."""

    def keep(self, step: Step, data: Mapping[str, Any]) -> None:
        """Keep facts beside the intent, on disk, before the request."""

    def of(self, step: Step) -> Mapping[str, Any]:
        """The facts that were kept last with a step."""

    def since(self, name: str) -> float | None:
        """Seconds since a step was begun last; None: it was not."""


Guard = Callable[[str, str], None]  # (run, host); raises RunStopped
