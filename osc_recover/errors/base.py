# SPDX-License-Identifier: Apache-2.0
"""The root of everything that is raised on purpose.

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
