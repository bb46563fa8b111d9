# SPDX-License-Identifier: Apache-2.0
"""What the operator asked for, as the checks and procedures read it."""

import dataclasses
from collections.abc import Mapping

from osc_recover.facts.attaching import Wanted


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """``recover host`` and ``recover server``, options and settings together.

    ``servers``, ``exclude`` and ``accept_data_loss`` hold ids or names of
    servers on the hosts; no ``servers`` means all of them.
    """

    hosts: tuple[str, ...]
    servers: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    target: str = ''
    method: str = 'evacuate'  # or 'database'
    accept_data_loss: tuple[str, ...] = ()  # or 'all'
    reset_state: bool = False
    leave_stopped: bool = False
    many_down: bool = False
    priority_property: str = ''
    fence: bool = False
    fenced: str = ''  # how the operator knows that the host is off
    rehearsal: bool = False  # a dry run without evidence: never carried out
    take_over: str = ''  # the run whose marker may be overridden
    agent: bool = True  # hosts may be asked, where it is said how
    shared_storage: bool | None = None
    shared_hosts: tuple[str, ...] = ()
    workers: int = 32
    timeout: int = 1800  # seconds a server
    max_failures: int = 0  # 0: no brake

    @property
    def by_hand(self) -> bool:
        """Whether servers are moved in the database, and not by nova."""
        return self.method == 'database'


@dataclasses.dataclass(frozen=True, slots=True)
class Return:
    """``recover return``: a repaired host back into service.

    ``alive`` says that the caller saw a heartbeat; ``open_runs`` are the runs
    of this host that the journal holds as unfinished; ``was_enabled`` tells
    whether the service was enabled before the run that disabled it.
    """

    host: str
    agent: bool = True
    alive: bool = False
    open_runs: tuple[str, ...] = ()
    was_enabled: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class ServiceChange:
    """``recover service stop``, ``start`` and ``restart``.

    ``libvirt``: its daemons, too, and not just nova-compute.
    """

    hosts: tuple[str, ...]
    action: str  # stop, start or restart
    libvirt: bool = False
    workers: int = 32


@dataclasses.dataclass(frozen=True, slots=True)
class Number:
    """The number that an account is to have, and its files had until now.

    ``kind`` is user or group; ``old`` is 0 for the one that the host has now.
    """

    kind: str
    name: str
    new: int
    old: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class OwnershipFix:
    """``recover ownership fix``.

    ``users`` and ``groups`` are more than the usual ones; ``numbers`` are
    those that the operator gave.  ``shared``: network file systems are walked,
    too; ``skip`` are paths that are not.  ``acls``: whose ACLs get new
    numbers, those of ``every`` file or of those ``owned`` by an old one.
    """

    hosts: tuple[str, ...]
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    reference: str = ''
    numbers: tuple[Number, ...] = ()
    shared: bool = False
    skip: tuple[str, ...] = ()
    acls: str = 'every'
    workers: int = 32


@dataclasses.dataclass(frozen=True, slots=True)
class OwnershipUndo:
    """``recover ownership undo``: of a run, on the hosts that it was for."""

    run: str
    workers: int = 32


@dataclasses.dataclass(frozen=True, slots=True)
class MoveUndo:
    """``recover run undo``: of a run that moved servers in the database."""

    run: str
    workers: int = 32


@dataclasses.dataclass(frozen=True, slots=True)
class DomainRepair:
    """``recover domain repair``.

    ``servers`` are IDs; ``only``: these parts and no other (listen, dhcp,
    filters, stale); ``listen`` and ``dhcp_server`` are addresses, '' for what
    the host's nova.conf says where something is wrong; ``reference`` is the
    host to take network filters from, '' for libvirt's own set.
    """

    servers: tuple[str, ...]
    only: tuple[str, ...] = ()
    listen: str = ''
    dhcp_server: str = ''
    reference: str = ''
    recreate_filters: bool = False
    workers: int = 32


@dataclasses.dataclass(frozen=True, slots=True)
class AuditFix:
    """``recover audit --fix``: these codes, on one host or everywhere ('').

    ``min_age``: seconds that a record must have been unchanged.
    """

    codes: tuple[str, ...]
    host: str = ''
    min_age: int = 600
    workers: int = 32


@dataclasses.dataclass(frozen=True, slots=True)
class InstanceChange:
    """``recover instance set``.

    ``server`` is an ID.  Empty, or None for the power state, is what stays
    as it is; ``task_state`` is otherwise 'none'.
    """

    server: str
    vm_state: str = ''
    power_state: int | None = None
    task_state: str = ''
    workers: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class VolumeAttach:
    """``recover volume attach``: volumes and servers by ID."""

    wanted: tuple[Wanted, ...]
    workers: int = 32


@dataclasses.dataclass(frozen=True, slots=True)
class VolumeRepair:
    """``recover volume repair``: these volumes, or all of these servers.

    All are IDs; ``min_age``: seconds that a record must have been unchanged.
    ``start``: servers that ran are started again.
    """

    volumes: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    min_age: int = 0
    start: bool = True
    workers: int = 32


@dataclasses.dataclass(frozen=True, slots=True)
class VolumeReset:
    """``recover volume reset``: attachments of these volumes are ended.

    All are IDs; with ``servers``, only those to them.  ``off``: how the
    operator knows that their guests are off, '' for nothing.  ``snapshot`` is
    an id, '' for none.
    """

    volumes: tuple[str, ...]
    servers: tuple[str, ...] = ()
    off: str = ''
    agent: bool = True
    snapshot: str = ''
    workers: int = 32


@dataclasses.dataclass(frozen=True, slots=True)
class CloudRecovery:
    """``recover cloud``, options and settings together.

    ``snapshot`` is an id, '' for none.  ``servers``, ``projects`` and
    ``hosts`` are IDs and names of hosts; none of them means all.  ``wave``:
    how many servers are started before the next are; 0: all in one.
    ``guests``: whether it is said how guests are reached over SSH.
    """

    snapshot: str = ''
    servers: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    agent: bool = True
    wave: int = 0
    priority_property: str = ''
    workers: int = 8
    timeout: int = 1800  # seconds a server
    mode: str = 'reconcile'
    guests: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class SessionClose:
    """``recover session close``: one session, by its number and its target.

    ``server`` is the ID of the only server that it may serve, '' for
    whichever it is.
    """

    host: str
    session: int
    target: str
    server: str = ''
    workers: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class SessionOpen:
    """``recover session open``: what is missing on hosts.

    ``snapshot`` is the id of the one that says what was open, '' for none;
    with ``targets``, these and no other.
    """

    hosts: tuple[str, ...]
    snapshot: str = ''
    targets: tuple[str, ...] = ()
    workers: int = 8


@dataclasses.dataclass(frozen=True, slots=True)
class PowerLoss:
    """``recover drill power-loss``: of one server, by its ID.

    ``force``: also of one that is not marked for it.
    """

    server: str
    force: bool = False
    timeout: int = 1800  # seconds that it may take to run again
    workers: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class MountFix:
    """``recover mount fix``: of hosts, and of guests by their IDs.

    With ``points``, the entries of these and no other.  ``addresses`` maps
    each guest to where it is reached.
    """

    hosts: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    addresses: Mapping[str, str] = dataclasses.field(default_factory=dict)
    points: tuple[str, ...] = ()
    workers: int = 8
