# SPDX-License-Identifier: Apache-2.0
"""What will be done, as data.

A plan is phases, one after another; a phase is lanes, side by side; a lane is
steps, in order.  It is stored before the first effect, and what is stored is
what is carried out.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One effect: a verb, what it acts on, and its arguments.

    ``name`` is unique within the plan.  ``hosts`` are the failed hosts that
    must still be proven dead right before the effect.
    """

    name: str
    verb: str
    target: str
    args: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    hosts: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Lane:
    """Steps of one server (or host), in order; the first failure ends it.

    Lanes that share a mutex never run at the same time.
    """

    name: str
    steps: tuple[Step, ...]
    mutexes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Phase:
    """Lanes that may run side by side; the next phase waits for all of them.

    A lane that failed does not go on in a later phase, under its name.
    ``must`` says that a failed lane stops the run after this phase.
    """

    title: str
    lanes: tuple[Lane, ...]
    must: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What the plan does with one server, and why.

    ``act`` is False for a server that is left alone.  ``ran`` tells whether it
    ran before the failure, and so whether it must run after it.
    """

    server: str
    name: str
    kind: str
    code: str
    act: bool
    destination: str = ''
    loss: str = ''
    reason: str = ''
    way_out: str = ''
    ran: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """The whole: for which hosts, from which request, what in which order."""

    procedure: str
    hosts: tuple[str, ...]
    phases: tuple[Phase, ...]
    verdicts: tuple[Verdict, ...] = ()
    notes: tuple[str, ...] = ()
    request: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def lanes(self) -> Iterator[Lane]:
        """Every lane, in the order of the phases."""
        for phase in self.phases:
            yield from phase.lanes

    def steps(self) -> Iterator[Step]:
        """Every step, in the order of the phases."""
        for lane in self.lanes():
            yield from lane.steps

    def step(self, name: str) -> Step | None:
        """The step of that name, or None."""
        return next((s for s in self.steps() if s.name == name), None)
