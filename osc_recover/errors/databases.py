# SPDX-License-Identifier: Apache-2.0
"""The databases of nova and cinder.

No field of these errors ever holds a password, or a URL that may have one.
"""

import dataclasses
from typing import ClassVar

from osc_recover.errors.base import FAILED, REFUSED, RecoverError


@dataclasses.dataclass(eq=False)
class DatabaseError(RecoverError):
    """A database said no, or nothing; what was begun was rolled back."""

    database: str
    problem: str

    code: ClassVar[str] = 'database-error'
    # In a run it is a step's; one that ends a command came before the first.
    exit_status: ClassVar[int] = REFUSED
    template: ClassVar[str] = 'database {database}: {problem}'
    hint: ClassVar[str] = (
        'see what the log of that database server says about it; '
        'openstack recover setup check tries all databases'
    )


@dataclasses.dataclass(eq=False)
class DatabaseUnset(DatabaseError):
    """Nobody has said where the database is, or whoever knows was silent."""

    advice: str = ''

    code: ClassVar[str] = 'database-unset'
    hint: ClassVar[str] = (
        'say where it is as recover: database in clouds.yaml, or name the '
        'controller that has the configuration file there'
    )

    @property
    def way_out(self) -> str:
        return self.advice or self.hint


@dataclasses.dataclass(eq=False)
class DumpFailed(DatabaseError):
    """A database could not be dumped, or not to its end."""

    advice: str = ''

    code: ClassVar[str] = 'dump-failed'
    hint: ClassVar[str] = (
        'its account needs SELECT, SHOW VIEW and TRIGGER there; or dump it on '
        'its own server, and name the others with --dump'
    )

    @property
    def way_out(self) -> str:
        return self.advice or self.hint


@dataclasses.dataclass(eq=False)
class BadDatabaseUrl(DatabaseError):
    """The URL cannot be used; it is not shown, as it may hold a password."""

    code: ClassVar[str] = 'bad-database-url'
    hint: ClassVar[str] = (
        'give one like mysql+pymysql://user:password@host:port/name as '
        'recover: database in secure.yaml; %-encode what is special in the '
        'password'
    )


@dataclasses.dataclass(eq=False)
class DatabaseUnreachable(DatabaseError):
    """The server gave no answer, or the connection was lost on the way."""

    code: ClassVar[str] = 'database-unreachable'
    hint: ClassVar[str] = (
        'check that the database server is up and reachable from here, then '
        'try again'
    )


@dataclasses.dataclass(eq=False)
class DatabaseLogin(DatabaseError):
    """The server knows neither this account nor its password from here."""

    code: ClassVar[str] = 'database-login'
    hint: ClassVar[str] = (
        'check user and password of the URL (recover: database, or the '
        "service's own configuration file), and that the server lets this "
        'account in from this machine'
    )


@dataclasses.dataclass(eq=False)
class DatabaseDenied(DatabaseError):
    """The account may not do this, such as write with a read-only one."""

    code: ClassVar[str] = 'database-denied'
    hint: ClassVar[str] = (
        'the manual has the GRANT statements; or use the account of the '
        'service itself'
    )


@dataclasses.dataclass(eq=False)
class DatabaseVersion(DatabaseError):
    """No such table or column: another release, or another database."""

    code: ClassVar[str] = 'database-version'
    hint: ClassVar[str] = (
        'see that the URL names the database of the service, and that its '
        'release is one of those in the manual'
    )


@dataclasses.dataclass(eq=False)
class DatabaseBusy(DatabaseError):
    """Others kept the rows locked or changed them, at every try."""

    code: ClassVar[str] = 'database-busy'
    hint: ClassVar[str] = (
        'nothing was changed; SHOW PROCESSLIST on that server tells who is '
        'at it; then try again'
    )


@dataclasses.dataclass(eq=False)
class DatabaseNotWritable(DatabaseError):
    """A replica, a read-only server, or a node that left its cluster."""

    code: ClassVar[str] = 'database-not-writable'
    hint: ClassVar[str] = (
        'nothing was changed; use the address of the primary, or of the load '
        "balancer before the cluster (SHOW STATUS LIKE 'wsrep%')"
    )


@dataclasses.dataclass(eq=False)
class CommitUnknown(DatabaseError):
    """The connection was lost at COMMIT: it may or may not have happened."""

    code: ClassVar[str] = 'commit-unknown'
    exit_status: ClassVar[int] = FAILED
    hint: ClassVar[str] = (
        'openstack recover run resume looks for its traces before it tries '
        'again'
    )
