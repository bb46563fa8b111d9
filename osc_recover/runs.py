# SPDX-License-Identifier: Apache-2.0
"""What the journal holds: runs, and the events of their steps."""

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

from osc_recover.plan import Plan


class State(enum.StrEnum):
    """What the journal knows of a step."""

    BEGUN = 'begun'
    DONE = 'done'
    FAILED = 'failed'
    IN_DOUBT = 'in-doubt'
    NOT_DONE = 'not-done'  # the operator looked, and it did not happen


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """One line of the journal; ``step`` is '' for the run itself."""

    step: str
    state: str
    at: float
    note: str = ''
    request_id: str = ''
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """A stored plan and where it belongs; ``made`` is seconds since 1970."""

    id: str
    made: float
    cloud: str
    cloud_name: str
    plan: Plan
