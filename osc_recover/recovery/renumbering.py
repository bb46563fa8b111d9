# SPDX-License-Identifier: Apache-2.0
"""Plans for new numbers on hosts, and for taking them back."""

from collections.abc import Mapping, Sequence
from typing import Any

from osc_recover import records
from osc_recover.checks import renumbering
from osc_recover.checks.finding import Finding
from osc_recover.checks.renumbering import Change
from osc_recover.checks.request import Number, OwnershipFix, OwnershipUndo
from osc_recover.facts import HostAccounts, Ownership
from osc_recover.facts.hosts import Kind
from osc_recover.gateways.accounts import Accounts
from osc_recover.gateways.cloud import Cloud
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.host_services import Services
from osc_recover.gateways.hosts import Hosts
from osc_recover.gateways.ownership import Ground, Numbers
from osc_recover.gateways.trees import Trees
from osc_recover.journal import Journal
from osc_recover.observe.accounts import Numbers as LookedUp
from osc_recover.observe.accounts import accounts
from osc_recover.plan import Plan
from osc_recover.procedures import ownership, ownership_undo
from osc_recover.recovery.known import check_hosts
from osc_recover.recovery.ownership import Before, answered, computes
from osc_recover.recovery.services import ServicesOfHosts
from osc_recover.runs import Run, State
from osc_recover.settings import Settings

# What of a run leaves a host half changed, if it is cut off.
_CHANGES = ('accounts.change', 'tree.change', 'tree.undo')


class Renumbering:
    """Looks at hosts, and plans their new (or former) numbers."""

    def __init__(
        self, cloud: Cloud, settings: Settings, journal: Journal
    ) -> None:
        self._cloud = cloud
        self._compute = Compute(cloud.compute)
        self._settings = settings
        self._journal = journal
        self._services = ServicesOfHosts(cloud, settings)

    def request(self, hosts: Sequence[str], **options: Any) -> OwnershipFix:
        """A request, with as many workers as the configuration says."""
        workers = options.pop('workers', None) or self._settings.workers
        return OwnershipFix(tuple(hosts), workers=workers, **options)

    def undoing(self, run: Run) -> OwnershipUndo:
        """A request to take a run back."""
        return OwnershipUndo(run.id, self._settings.workers)

    def anew(self, plan: Plan) -> Plan:
        """The same plan from facts of now."""
        if plan.procedure == 'ownership-undo':
            back: OwnershipUndo = records.from_data(
                OwnershipUndo, dict(plan.request)
            )
            return self.undo(self._journal.run(back.run), back)
        return self.fix(records.from_data(OwnershipFix, dict(plan.request)))

    def before(self, host: str) -> Before | None:
        """What the newest run that changed files of a host has done there."""
        for run in self._journal.runs():
            if run.cloud == self._cloud.key:
                found = self._done_by(run, host)
                if found is not None:
                    return found
        return None

    def _untaken(self, run: Run, host: str) -> bool:
        """Whether a run has seen that no file had a new number before."""
        told = self._journal.last(run.id, f'list:{host}')
        return told is not None and told.data.get('taken') == 0

    def _unfinished(self, hosts: Sequence[str]) -> dict[str, str]:
        """Host -> the run that was cut off within its changes."""
        runs = [r for r in self._journal.runs() if r.cloud == self._cloud.key]
        found = {host: self._open_run(runs, host) for host in hosts}
        return {host: run for host, run in found.items() if run}

    def _open_run(self, runs: Sequence[Run], host: str) -> str:
        for run in runs:
            told = [
                self._journal.last(run.id, step.name)
                for step in run.plan.steps()
                if step.target == host and step.verb in _CHANGES
            ]
            if any(told):
                done = all(
                    event and event.state == State.DONE for event in told
                )
                return '' if done else run.id
        return ''

    def _done_by(self, run: Run, host: str) -> Before | None:
        step = run.plan.step(f'verify:{host}')
        changed = run.plan.step(f'files:{host}')
        back = run.plan.procedure == 'ownership-undo'
        mark = f'accounts:{host}' if back else f'files:{host}'
        begun = self._journal.last(run.id, mark) is not None
        if step is None or not begun or not (back or changed):
            return None
        return Before(
            step.args['uids'],
            step.args['gids'],
            tuple(step.args['skip']),
            '' if back else ownership_undo.manifest(run.id, ''),
        )

    def fix(self, request: OwnershipFix) -> Plan:
        """Plan new numbers of accounts and files; changes nothing.

        Every compute host is asked for its accounts, as a number must be free
        on each.

        :raises errors.UnknownHost: for a name that is no compute host
        :raises errors.Refused: when the reference cannot be asked, or two
            accounts would get one number
        """
        known = computes(self._compute)
        more = [request.reference] if request.reference else []
        check_hosts([*request.hosts, *more], known)
        renumbering.wanted((), request)
        with Hosts(self._settings.ssh) as asked:
            found = _accounts(asked, known, request)
            answered(found, request.reference)
            numbers = _numbers(found, request)
            facts = Ownership(
                found,
                Services(asked).show(list(numbers)),
                Ground(asked).show(_and_others(numbers, known, request)),
                unfinished=self._unfinished(request.hosts),
            )
        return ownership.fix(facts, self._traps(list(numbers)), request)

    def undo(self, run: Run, request: OwnershipUndo) -> Plan:
        """Plan to take a run's changes back; changes nothing.

        :param run: a run of ``fix``
        :raises errors.UnknownHost: when one of its hosts is none any more
        """
        hosts = [
            verdict.server for verdict in run.plan.verdicts if verdict.act
        ]
        check_hosts(hosts, computes(self._compute))
        back = {
            host: [
                Change(c.kind, c.name, c.new, c.old)
                for c in ownership_undo.changed_by(run.plan, host)
            ]
            for host in hosts
        }
        names = ownership_undo.manifests(run.id, run.plan)
        with Hosts(self._settings.ssh) as asked:
            facts = Ownership(
                _accounts_back(asked, hosts, back),
                Services(asked).show(hosts),
                Ground(asked).show({h: _sought(back[h]) for h in hosts}),
                Trees(asked).manifests(names),
                untaken=tuple(h for h in hosts if self._untaken(run, h)),
            )
        return ownership_undo.undo(
            facts, self._traps(hosts), run.plan, request
        )

    def _traps(self, hosts: Sequence[str]) -> Mapping[str, list[Finding]]:
        return self._services.traps(hosts) if hosts else {}


def _accounts(
    asked: Hosts, hosts: Sequence[str], request: OwnershipFix
) -> tuple[HostAccounts, ...]:
    keys = renumbering.keys(request)
    return accounts(
        Accounts(asked),
        hosts,
        [name for kind, name in keys if kind == 'user'],
        [name for kind, name in keys if kind == 'group'],
        lambda seen: _looked_up(seen, request),
    )


def _looked_up(
    seen: tuple[HostAccounts, ...], request: OwnershipFix
) -> LookedUp:
    """The numbers that would be given, and those that files had."""
    wanted = renumbering.wanted(seen, request)
    pairs = [(kind, number) for (kind, _), number in wanted.items()]
    pairs += [(n.kind, n.old) for n in request.numbers if n.old]  # type: ignore[misc]
    return (
        frozenset(number for kind, number in pairs if kind == 'user'),
        frozenset(number for kind, number in pairs if kind == 'group'),
    )


def _accounts_back(
    asked: Hosts, hosts: Sequence[str], back: Mapping[str, Sequence[Change]]
) -> tuple[HostAccounts, ...]:
    every = [change for changes in back.values() for change in changes]
    users = [change for change in every if change.kind == 'user']
    groups = [change for change in every if change.kind == 'group']
    return Accounts(asked).show(
        hosts,
        sorted({change.name for change in users}),
        sorted({change.name for change in groups}),
        uids={n for change in users for n in (change.old, change.new)},
        gids={n for change in groups for n in (change.old, change.new)},
    )


def _numbers(
    found: Sequence[HostAccounts], request: OwnershipFix
) -> dict[str, Numbers]:
    """The hosts of a request on which something changes, and what."""
    wanted = renumbering.wanted(found, request)
    by_host = {host.host: host for host in found}
    made = {
        host: renumbering.changes(by_host[host], wanted, request)
        for host in dict.fromkeys(request.hosts)
    }
    return {
        host: _sought(changes) for host, changes in made.items() if changes
    }


def _and_others(
    numbers: Mapping[str, Numbers], known: Sequence[str], request: OwnershipFix
) -> dict[str, Numbers]:
    """With --shared, what the other hosts have mounted matters, too."""
    others = known if request.shared else ()
    return {**{host: Numbers() for host in others}, **numbers}


def _sought(changes: Sequence[Change]) -> Numbers:
    uids = renumbering.of_kind(changes, 'user')
    gids = renumbering.of_kind(changes, 'group')
    return Numbers(list(uids), list(gids), [*uids.values()], [*gids.values()])


def number(kind: Kind, word: str) -> Number:
    """Read ``NAME=NEW`` or ``NAME=OLD:NEW``, of a user or a group.

    :raises errors.Refused: for what is neither, and for a number that no
        account of a service may have
    """
    return renumbering.parse(kind, word)
