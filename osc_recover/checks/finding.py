# SPDX-License-Identifier: Apache-2.0
"""One thing that was found about a cloud, a host or a server."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

Weight = Literal['refuse', 'warn', 'note']


@dataclasses.dataclass(frozen=True, slots=True)
class Subject:
    """What a finding is about, where that may be anything.

    ``since`` is when it was last changed, as its own service says; ``hosts``
    and ``volumes`` are those that have to do with it; ``at`` is the host where
    it was seen.
    """

    kind: str  # server, port, volume, attachment, migration, consumer, domain
    id: str
    name: str = ''
    hosts: tuple[str, ...] = ()
    since: str = ''
    volumes: tuple[str, ...] = ()
    at: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Remedy:
    """The step that mends what was found: its verb, and its arguments."""

    verb: str
    args: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What is so, what shows it, and what to do about it.

    ``about`` is a server's id, a host's name, or '' for the whole cloud.
    ``weight``: 'refuse' stops everything, or leaves this server alone;
    'warn' and 'note' are only said.  ``flag`` is the option that overrides a
    refusal, '' where there is none.  ``loss`` is what is lost by going on.
    A finding of an audit has a ``subject``, and a ``remedy`` where we can
    mend it ourselves without harm.
    """

    code: str
    about: str
    what: str
    evidence: str
    way_out: str
    weight: Weight
    flag: str = ''
    loss: str = ''
    subject: Subject | None = None
    remedy: Remedy | None = None

    @property
    def text(self) -> str:
        """What is so, with the evidence in brackets."""
        return f'{self.what} ({self.evidence})' if self.evidence else self.what


# What a check returns: the registry fills in the code, and the subject where
# the check does not name one.


def refuse(
    what: str,
    way_out: str,
    evidence: str = '',
    flag: str = '',
    about: str = '',
) -> Finding:
    """A finding that stops."""
    return Finding('', about, what, evidence, way_out, 'refuse', flag)


def warn(
    what: str,
    way_out: str = '',
    evidence: str = '',
    loss: str = '',
    about: str = '',
) -> Finding:
    """A finding that an operator must read, but that stops nothing."""
    return Finding('', about, what, evidence, way_out, 'warn', '', loss)


def note(what: str, evidence: str = '', loss: str = '') -> Finding:
    """A finding that is only said."""
    return Finding('', '', what, evidence, '', 'note', '', loss)


def found(
    subject: Subject,
    what: str,
    way_out: str,
    evidence: str = '',
    remedy: Remedy | None = None,
    weight: Weight = 'warn',
) -> Finding:
    """A finding of an audit, or of what is a view of it."""
    return Finding(
        '', subject.id, what, evidence, way_out, weight,
        subject=subject, remedy=remedy,
    )  # fmt: skip
