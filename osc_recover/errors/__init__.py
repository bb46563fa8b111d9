# SPDX-License-Identifier: Apache-2.0
"""Everything that is raised on purpose.

Each error has a ``code`` that scripts can rely on, fields, one sentence that
says what happened to what and why, and a way out.
"""

from osc_recover.errors.base import FAILED as FAILED
from osc_recover.errors.base import INTERRUPTED as INTERRUPTED
from osc_recover.errors.base import REFUSED as REFUSED
from osc_recover.errors.base import Bug as Bug
from osc_recover.errors.base import RecoverError as RecoverError
from osc_recover.errors.cloud import CALL as CALL
from osc_recover.errors.cloud import ApiError as ApiError
from osc_recover.errors.cloud import ApiRefused as ApiRefused
from osc_recover.errors.cloud import ApiUnreachable as ApiUnreachable
from osc_recover.errors.cloud import AuthFailed as AuthFailed
from osc_recover.errors.cloud import ChangedMeanwhile as ChangedMeanwhile
from osc_recover.errors.cloud import Forbidden as Forbidden
from osc_recover.errors.cloud import Gone as Gone
from osc_recover.errors.cloud import NoRoom as NoRoom
from osc_recover.errors.cloud import StillUsed as StillUsed
from osc_recover.errors.cloud import Unauthorized as Unauthorized
from osc_recover.errors.cloud import Uncertain as Uncertain
from osc_recover.errors.databases import BadDatabaseUrl as BadDatabaseUrl
from osc_recover.errors.databases import CommitUnknown as CommitUnknown
from osc_recover.errors.databases import DatabaseBusy as DatabaseBusy
from osc_recover.errors.databases import DatabaseDenied as DatabaseDenied
from osc_recover.errors.databases import DatabaseError as DatabaseError
from osc_recover.errors.databases import DatabaseLogin as DatabaseLogin
from osc_recover.errors.databases import (
    DatabaseNotWritable as DatabaseNotWritable,
)
from osc_recover.errors.databases import (
    DatabaseUnreachable as DatabaseUnreachable,
)
from osc_recover.errors.databases import DatabaseUnset as DatabaseUnset
from osc_recover.errors.databases import DatabaseVersion as DatabaseVersion
from osc_recover.errors.databases import DumpFailed as DumpFailed
from osc_recover.errors.hosts import AgentCut as AgentCut
from osc_recover.errors.hosts import AgentDied as AgentDied
from osc_recover.errors.hosts import BadHostName as BadHostName
from osc_recover.errors.hosts import BadSshConfig as BadSshConfig
from osc_recover.errors.hosts import ConnectFailed as ConnectFailed
from osc_recover.errors.hosts import ConnectRefused as ConnectRefused
from osc_recover.errors.hosts import ConnectTimedOut as ConnectTimedOut
from osc_recover.errors.hosts import HostError as HostError
from osc_recover.errors.hosts import HostKeyChanged as HostKeyChanged
from osc_recover.errors.hosts import HostKeyRevoked as HostKeyRevoked
from osc_recover.errors.hosts import HostKeyUnknown as HostKeyUnknown
from osc_recover.errors.hosts import HostSilent as HostSilent
from osc_recover.errors.hosts import LoginFailed as LoginFailed
from osc_recover.errors.hosts import NameUnresolved as NameUnresolved
from osc_recover.errors.hosts import NotOurAgent as NotOurAgent
from osc_recover.errors.hosts import OperationRefused as OperationRefused
from osc_recover.errors.hosts import PythonMissing as PythonMissing
from osc_recover.errors.hosts import PythonTooOld as PythonTooOld
from osc_recover.errors.hosts import RequestTimedOut as RequestTimedOut
from osc_recover.errors.hosts import SudoFailed as SudoFailed
from osc_recover.errors.hosts import SudoPassword as SudoPassword
from osc_recover.errors.journal import JournalUnusable as JournalUnusable
from osc_recover.errors.journal import UnknownRun as UnknownRun
from osc_recover.errors.journal import UnknownStep as UnknownStep
from osc_recover.errors.journal import WrongCloud as WrongCloud
from osc_recover.errors.moving import AlreadyStarted as AlreadyStarted
from osc_recover.errors.moving import RowGone as RowGone
from osc_recover.errors.moving import RowsDiffer as RowsDiffer
from osc_recover.errors.refusals import BadSettings as BadSettings
from osc_recover.errors.refusals import FactsMoved as FactsMoved
from osc_recover.errors.refusals import HostLocked as HostLocked
from osc_recover.errors.refusals import NotApproved as NotApproved
from osc_recover.errors.refusals import OtherRun as OtherRun
from osc_recover.errors.refusals import Refused as Refused
from osc_recover.errors.refusals import UnknownHost as UnknownHost
from osc_recover.errors.refusals import UnknownServer as UnknownServer
from osc_recover.errors.run import FenceFailed as FenceFailed
from osc_recover.errors.run import Interrupted as Interrupted
from osc_recover.errors.run import RunStopped as RunStopped
from osc_recover.errors.run import StepFailed as StepFailed
from osc_recover.errors.snapshots import ForeignSnapshot as ForeignSnapshot
from osc_recover.errors.snapshots import SnapshotDamaged as SnapshotDamaged
from osc_recover.errors.snapshots import SnapshotsUnusable as SnapshotsUnusable
from osc_recover.errors.snapshots import UnknownSnapshot as UnknownSnapshot
