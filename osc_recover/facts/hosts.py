# SPDX-License-Identifier: Apache-2.0
"""What was observed on hosts, through the program that is sent to them."""

import dataclasses
from typing import Literal

Kind = Literal['user', 'group']
# States of systemd, of docker and podman.
_RUNNING = ('active', 'activating', 'reloading', 'running', 'restarting')


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """A user or a group, as its host resolves the name.

    ``primary`` is the gid of a user's primary group.  ``local``: it is in the
    host's own files, and not in LDAP or the like.  ``sharing`` names others
    of its kind with the same number, and ``primary_of`` the local users whose
    primary group it is.
    """

    kind: Kind
    name: str
    number: int
    primary: int | None = None
    local: bool = True
    sharing: tuple[str, ...] = ()
    primary_of: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class HostAccounts:
    """Accounts of one host, and the numbers that are in use there.

    ``uids`` and ``gids`` are those of any account, within the range that was
    asked for.  ``problem`` says why the host could not be asked; then there
    is nothing else.
    """

    host: str
    accounts: tuple[Account, ...] = ()
    uids: tuple[int, ...] = ()
    gids: tuple[int, ...] = ()
    problem: str = ''
    way_out: str = ''

    def account(self, kind: Kind, name: str) -> Account | None:
        """The account of that kind and name, or None."""
        for account in self.accounts:
            if (account.kind, account.name) == (kind, name):
                return account
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class HostService:
    """A service of a host, as the host itself sees it.

    ``kind`` is unit, docker or podman; ``state`` is systemd's ActiveState or
    the container's state; ``enabled`` is systemd's UnitFileState.
    """

    host: str
    name: str
    kind: str
    state: str
    enabled: str = ''

    @property
    def runs(self) -> bool:
        """Whether it runs, or is about to."""
        return self.state in _RUNNING


@dataclasses.dataclass(frozen=True, slots=True)
class HostServices:
    """The compute services of one host, or why they are not known."""

    host: str
    services: tuple[HostService, ...] = ()
    problem: str = ''
    way_out: str = ''
