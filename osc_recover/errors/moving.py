# SPDX-License-Identifier: Apache-2.0
"""A server's move in nova's own database."""

import dataclasses
from typing import ClassVar

from osc_recover.errors.base import RecoverError

_MEANING = {
    'host': 'somebody has moved it meanwhile',
    'node': 'somebody has moved it meanwhile',
    'compute_id': 'nova-compute has corrected it meanwhile',
    'vm_state': 'its state has changed meanwhile',
    'task_state': 'something is being done with it',
    'power_state': 'its state has changed meanwhile',
    'availability_zone': 'its record has changed meanwhile',
    'evacuations': 'somebody has begun or ended an evacuation of it',
    'claims': 'it now has what only nova itself can move',
    'forced_down': 'the failed host may be in use again',
    'destination': 'the destination has changed meanwhile',
    'attachment_id': 'somebody has attached or detached it meanwhile',
}


@dataclasses.dataclass(eq=False)
class RowsDiffer(RecoverError):
    """A row is not what the plan has; nothing was changed.

    :ivar column: of the table, or what was compared of several rows
    """

    server: str
    table: str
    column: str
    expected: object
    found: object

    code: ClassVar[str] = 'rows-differ'
    hint: ClassVar[str] = (
        'its records are as they were; see openstack server show {server} '
        'and make a new plan'
    )

    @property
    def sentence(self) -> str:
        meaning = _MEANING.get(self.column, 'it has changed meanwhile')
        return (
            f'server {self.server}: {self.table}.{self.column} is '
            f'{_said(self.found)}, not {_said(self.expected)}: {meaning}'
        )


@dataclasses.dataclass(eq=False)
class RowGone(RecoverError):
    """A row that the plan has is not there any more; nothing was changed."""

    server: str
    table: str

    code: ClassVar[str] = 'row-gone'
    template: ClassVar[str] = (
        'server {server}: its row of {table} is gone: somebody has deleted it'
    )
    hint: ClassVar[str] = (
        'nothing was changed; openstack server show {server} tells whether '
        'the server itself is gone'
    )


@dataclasses.dataclass(eq=False)
class AlreadyStarted(RecoverError):
    """A move is not taken back once its server may have run there."""

    server: str
    host: str
    state: str

    code: ClassVar[str] = 'already-started'
    template: ClassVar[str] = (
        'server {server} is {state} on {host}: it has been started since it '
        'was moved, and is not moved back'
    )
    hint: ClassVar[str] = (
        'leave it on {host}, or move it with nova: openstack server migrate '
        '{server}'
    )


def _said(value: object) -> str:
    return 'NULL' if value is None else repr(value)
