# SPDX-License-Identifier: Apache-2.0
"""The one registry of checks.

A check is a pure function of a view (facts and request) and its subject; it
returns a finding, several, or nothing.  Its scope says what the subject is:

cloud   none: the whole cloud, once
host    the name of one failed host
server  one server of a failed host
fleet   the servers that would be acted on, in order: what one takes is gone
        for the next
by-hand        as server, of moves in the database
fleet-by-hand  as fleet, of moves in the database
return  a host that returns; its request is a Return, and there is no view
audit   everything: its view is of the whole cloud, and there is no request
domain     as audit, of some servers and of what libvirt has of them
instances  as audit, of what databases, API and libvirt have on one host
instance   as audit, of one server
row        the whole row of one server, and what others say of it

A check of several scopes is one judgement that several commands show.

The order of registration is the order of the findings, and so decides which
of several refusals gives a server its code.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, TypeVar

from osc_recover.checks.finding import Finding

Scope = Literal[
    'cloud',
    'host',
    'server',
    'fleet',
    'by-hand',
    'fleet-by-hand',
    'return',
    'audit',
    'domain',
    'instances',
    'instance',
    'row',
]
Found = Finding | Iterable[Finding] | None
F = TypeVar('F', bound=Callable[..., Found])

_SERVER: tuple[Scope, ...] = ('server',)


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """A registered check."""

    code: str
    scope: Scope
    run: Callable[..., Found]

    def findings(self, *subject: Any, about: str = '') -> Iterator[Finding]:
        """Run the check; fill in the code, and the subject if it has none."""
        found = self.run(*subject)
        for one in _several(found):
            yield dataclasses.replace(
                one, code=self.code, about=one.about or about
            )


REGISTRY: dict[tuple[Scope, str], Check] = {}


def check(code: str, *scopes: Scope) -> Callable[[F], F]:
    """Register a function as the check of that code.

    :param scopes: one, or several; none for server
    """

    def register(function: F) -> F:
        for scope in scopes or _SERVER:
            if (scope, code) in REGISTRY:
                raise ValueError(f'two checks of {scope} are called {code}')
            REGISTRY[scope, code] = Check(code, scope, function)
        return function

    return register


def of(*scopes: Scope) -> tuple[Check, ...]:
    """The checks of some scopes, in order."""
    return tuple(c for c in REGISTRY.values() if c.scope in scopes)


def _several(found: Found) -> Iterable[Finding]:
    if found is None:
        return ()
    return (found,) if isinstance(found, Finding) else found
