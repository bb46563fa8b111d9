# SPDX-License-Identifier: Apache-2.0
"""Each kind of call of a recovery x each way to break it: the promises hold.

Three hosts are dead, each with servers of its own, and each case recovers one
of them through a proxy that breaks calls of one kind.  The cases of the three
hosts run side by side; a test waits for its own.
"""

import concurrent.futures
import contextlib
import dataclasses
import math
import subprocess

import pytest

from tests import practice as lib
from tests.cloud import lab
from tests.functional.line import Line

pytestmark = pytest.mark.functional

DEAD, ALIVE = ('cmp1', 'cmp2', 'cmp3'), 'cmp4'
DEMANDED = ('503', 'hang', 'cut', '401')
FURTHER = ('503-after', 'hang-after', 'cut-before', 'late')  # for writes
OUTAGE = 4  # calls: one more than the tries of a read

# Before the first write; a recovery reads all that it is planned from.
PLANNING = (
    'cinder GET /volumes/detail',
    'glance GET /images',
    'keystone GET /',
    'keystone POST /auth/tokens',
    'neutron GET /agents',
    'neutron GET /ports',
    'nova GET /',
    'nova GET /os-hypervisors/detail',
    'nova GET /os-migrations',
    'nova GET /os-server-groups',
    'nova GET /os-services',
    'nova GET /servers/detail',
    'nova GET /servers/{id}',
    'nova GET /servers/{id}/os-instance-actions',
    'placement GET /allocation_candidates',
    'placement GET /resource_providers/{id}/allocations',
)
# A recovery does without these, and says so.
GAPS = (
    'cinder',
    'glance',
    'keystone GET /',
    'neutron',
    'placement',
    'nova GET /servers/{id}/os-instance-actions',
)
# From the first write on, with the sort of server whose recovery makes it.
WATCHING = {
    'cinder GET /volumes/detail': 'data',
    'neutron GET /ports': 'data',
    'nova GET /os-migrations': 'plain',
    'nova GET /os-services': 'plain',
    'nova GET /servers/detail': 'plain',
    'nova GET /servers/{id}': 'plain',
}
# A run goes by the lists of servers that its plan was made from, so that only
# one that is resumed reads them again.
AGAIN = 'nova GET /servers/detail'
WRITES = {
    'nova POST /servers/{id}/action evacuate': 'plain',
    'nova POST /servers/{id}/action os-resetState': 'paused',
    'nova POST /servers/{id}/action os-stop': 'off',
    'nova PUT /os-services/{id}': 'plain',
}


@dataclasses.dataclass(frozen=True)
class Case:
    """Calls of a kind, what strikes them, and how many in a row."""

    stage: str
    kind: str
    what: str
    times: float
    sort: str  # of the server that is recovered

    @property
    def spared(self):
        """Whether a recovery is planned without an answer of this kind."""
        return self.stage == 'plan' and self.kind.startswith(GAPS)

    @property
    def again(self):
        """Whether only a run that is resumed makes such a call."""
        return self.stage == 'run' and self.kind == AGAIN

    @property
    def acts(self):
        """Whether it is carried out; some of what is planned has to do."""
        return not self.spared or self.what == '503'

    def __str__(self):
        often = {1: 'once', math.inf: 'always'}.get(self.times, 'outage')
        return f'{self.stage}: {self.kind}: {self.what} {often}'


def cases():
    for kind in PLANNING:
        for what in DEMANDED:
            yield Case('plan', kind, what, math.inf, 'plain')
    for kind, sort in WATCHING.items():
        for what in DEMANDED:
            times = 1 if what == 'hang' else OUTAGE
            yield Case('run', kind, what, times, sort)
    for kind, sort in WRITES.items():
        for what in (*DEMANDED, *(FURTHER if sort == 'plain' else ())):
            yield Case('run', kind, what, 1, sort)
        yield Case('run', kind, '401', math.inf, sort)


CASES = list(cases())


class Trial:
    """One case, with what speaks against it."""

    def __init__(self, line, case, server):
        self.line, self.case, self.server = line, case, server
        self.problems = ['it did not end in time']
        self.before = self.after = line.state(server)

    def run(self):
        case, line = self.case, self.line
        line.proxy.clear()
        known = self.cut_off() if case.again else ''
        fault = line.proxy.inject(
            case.kind, case.what, stage=case.stage, times=case.times
        )
        options = ('--fence', '--many-down', '--timeout', '60')
        how = ('--reset-state', '--yes' if case.acts else '--dry-run')
        if known:
            done = line.recover('run', 'resume', known)
        else:
            done = line.recover('server', self.server, *options, *how)
        line.proxy.clear()
        self.after = line.state(self.server)
        problems = [] if fault.done else ['the fault struck nothing']
        problems += self.wrong(done)
        begun = known or done.run
        if begun and done.status:
            again = line.recover('run', 'resume', begun)
            self.after = line.state(self.server)
            problems += [f'resumed: {told}' for told in self.wrong(again)]
            if again.status:
                problems.append(f'resumed: not recovered {again}')
        if begun:
            problems += self.wrong_in_the_end()
        if problems:
            problems.append(done)
        self.problems = problems

    def cut_off(self):
        """A run of this server that came no further than its first write."""
        self.line.proxy.inject(
            'nova PUT /os-services/{id}', '503', stage='run', times=math.inf
        )
        done = self.line.recover(
            'server', self.server, '--fence', '--many-down', '--yes'
        )
        self.line.proxy.clear()
        assert done.status == 1, done
        return done.run

    def wrong(self, done):
        if 'Traceback' in done.stderr:
            yield f'a traceback: {done.stderr}'
        rows = rows_of(done)
        if not rows:
            yield f'no JSON array with rows: {done.stdout!r}'
        for row in rows or []:
            told = row['Reason'] and row['Way out']
            if row['State'] not in ('recovered', 'planned') and not told:
                yield f'a row without reason or way out: {row}'
        fine = ('recovered', 'planned')
        good = all(row['State'] in fine for row in rows or [])
        if done.status not in (0, 1, 3) or good != (done.status == 0):
            yield f'exit status {done.status}'
        if done.status == 3 and self.after != self.before:
            yield f'refused, but changed {self.before} to {self.after}'
        if len(self.after['evacuations']) > 1:
            yield f'evacuated twice: {self.after["evacuations"]}'
        if lab.twice():
            yield f'runs twice: {lab.twice()}'

    def wrong_in_the_end(self):
        if len(self.after['evacuations']) != 1:
            yield f'evacuations: {self.after["evacuations"]}'
        if self.after['host'] in DEAD:
            yield f'it is still on {self.after["host"]}'


def play(line, case):
    """Break a recovery, resume it, and return all that was not kept."""
    server = line.stock[case.sort][0]
    trial = Trial(line, case, server)
    with contextlib.suppress(subprocess.TimeoutExpired):
        trial.run()
    if trial.after != trial.before:
        line.stock[case.sort].remove(server)
    return trial.problems


def rows_of(done):
    try:
        return done.rows
    except (ValueError, AssertionError):
        return None


@pytest.fixture(scope='module')
def lines(clean, tmp_path_factory):
    """The three dead hosts; the first has one more server of each sort."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(lib.shared_disks())
        lab.knob(ALIVE, inventory={'vcpus': 999, 'memory_mb': 999999})
        made = [Line(h, tmp_path_factory.mktemp(h)) for h in DEAD]
        for line in made:
            stack.enter_context(line.proxy)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(Line.fill, made, map(wanted, range(len(made)))))
        for host in DEAD:
            lab.fail(host)
        yield made


def wanted(number):
    """How many servers of each sort the cases of a line may need."""
    need = dict.fromkeys(('plain', 'data', 'paused', 'off'), 0)
    for case in CASES[number :: len(DEAD)]:
        moves = case.stage == 'run' or (case.spared and case.acts)
        need[case.sort] += moves
    # One stays to be planned for, and the recording takes one.
    return {sort: count + 2 for sort, count in need.items()}


@pytest.fixture(scope='module')
def recorded(lines):
    """The kinds of calls of a recovery of all sorts that nothing disturbs."""
    line = lines[0]
    servers = [stock.pop() for stock in line.stock.values()]
    words = ('--fence', '--yes', '--many-down', '--reset-state')
    done = line.recover('server', *servers, *words)
    assert done.status == 0, done
    kinds = line.proxy.kinds()
    line.proxy.clear()
    return kinds


@pytest.fixture(scope='module')
def played(lines, recorded, request):
    """Case -> the promises it broke, when its turn has come."""
    asked = {
        item.callspec.params['case']
        for item in request.session.items
        if hasattr(item, 'callspec') and 'case' in item.callspec.params
    }
    with contextlib.ExitStack() as stack:
        pools = [
            stack.enter_context(concurrent.futures.ThreadPoolExecutor(1))
            for _ in lines
        ]
        yield {
            case: pools[number % len(lines)].submit(
                play, lines[number % len(lines)], case
            )
            for number, case in enumerate(CASES)
            if case in asked
        }


def test_the_kinds_are_those_of_a_recovery(recorded):
    planning = {kind for stage, kind in recorded if stage == 'plan'}
    running = {kind for stage, kind in recorded if stage == 'run'}
    assert planning == set(PLANNING)
    assert running == {*WATCHING, *WRITES}


@pytest.mark.parametrize('case', CASES, ids=str)
def test_the_promises_hold(played, case):
    broken = played[case].result()
    assert not broken, '\n'.join(map(str, broken))
