# SPDX-License-Identifier: Apache-2.0
"""One host's servers recovered by us and by the peers, in paired rounds.

``python -m benchmarks.evacuate`` needs the practice cloud to be up, and the
peers of ``benchmarks/requirements.txt``.  In each round every way recovers
freshly booted servers of the same host; the ways take turns at going first.

A way is timed from its start to the last ``done`` of nova's records, as the
database shows it; ours to the end of its process, proof included.  The peers
find the service forced down already; we do that ourselves.

``--floor`` adds what no client can be: requests sent in this process, so many
in flight, with every ``done`` known at once from the database, no token to
get, no facts and no proof.  ``--way`` takes some of the ways only, or adds
``by_database``: ours without evacuations, which moves the servers' rows.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence

from osc_recover.journal import Journal
from tests import practice
from tests.cloud import keys, lab, ports

HOST = 'cmp1'
IN_FLIGHT = 8
IN_SLOTS = 'ours, 8 in flight'
BY_DATABASE = 'ours, by database'
LOOK = 0.02  # seconds between two looks at the database
Ids = Sequence[str]


@dataclasses.dataclass(frozen=True)
class Time:
    """What one way took, in seconds."""

    way: str
    total: float
    fixed: float = 0.0
    lag: float = 0.0
    slot: float = 0.0
    busy: float = 0.0  # of all processors of the machine


class Watch:
    """Keeps when each evacuation was done, by our clock, to 20 ms."""

    def __init__(self, servers: Ids) -> None:
        self.done: dict[str, float] = {}
        self._servers = set(servers)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> 'Watch':
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._thread.join()

    def wait(self) -> float:
        """When the last one was done."""
        end = time.time() + 600
        while not self._servers <= set(self.done):
            if time.time() > end:
                raise SystemExit('not done in 600 s: the cloud is not well')
            time.sleep(LOOK)
        return max(self.done.values())

    def _look(self) -> None:
        with practice.database() as database, database.cursor() as cursor:
            while not self._end.wait(LOOK):
                cursor.execute(
                    'SELECT instance_uuid FROM migrations'
                    " WHERE status = 'done' AND migration_type = 'evacuation'"
                    ' AND source_compute = %s',
                    (HOST,),
                )
                now = time.time()
                for (server,) in cursor.fetchall():
                    if server in self._servers:
                        self.done.setdefault(server, now)


def ours(clouds: pathlib.Path, servers: Ids) -> Time:
    """openstack recover host, to the end of its process."""
    return _ours('ours', clouds, servers)


def ours_in_slots(clouds: pathlib.Path, servers: Ids) -> Time:
    """The same with as many in flight as the bare loop, to see our lag."""
    words = ['--workers', str(IN_FLIGHT)]
    return _ours(IN_SLOTS, clouds, servers, *words)


def by_database(clouds: pathlib.Path, servers: Ids) -> Time:
    """openstack recover host --method database, to the end of its process."""
    known = practice.database_urls()
    clouds = practice.write_clouds(clouds.parent, database=known)
    start = time.time()
    words = '--method', 'database', '--no-agent'
    done = practice.recover(
        clouds, 'host', HOST, '--fenced', 'benchmark', '--yes', *words
    )
    assert done.status == 0, done.stderr + done.stdout
    return Time(BY_DATABASE, time.time() - start)


def _ours(way: str, clouds: pathlib.Path, servers: Ids, *words: str) -> Time:
    with Watch(servers) as watch:
        start = time.time()
        done = practice.recover(
            clouds, 'host', HOST, '--fenced', 'benchmark', '--yes', *words
        )
        end = time.time()
        assert done.status == 0, done.stderr + done.stdout
        watch.wait()
    asked = _asked(clouds)
    before = min(asked.values()) - start
    after = end - max(watch.done.values())
    lags, slots = _slots(asked, watch.done)
    return Time(way, end - start, before + after, lags, slots)


def _asked(clouds: pathlib.Path) -> dict[str, float]:
    """When each evacuation was noted in the journal, right before it."""
    with Journal(clouds.with_name('journal.sqlite')) as journal:
        [newest, *_] = journal.runs()
        return {
            event.step.partition(':')[2]: event.at
            for event in journal.events(newest.id)
            if event.step.startswith('evacuate:') and event.state == 'begun'
        }


def _slots(
    asked: dict[str, float], done: dict[str, float]
) -> tuple[float, float]:
    """Median lag from a done to the next request of its slot; median slot."""
    next_ones = sorted(asked.values())[IN_FLIGHT:]
    ends = sorted(done.values())[: len(next_ones)]
    lags = [b - e for b, e in zip(next_ones, ends, strict=True)]
    spans = [done[server] - asked[server] for server in asked]
    return statistics.median(lags or [0.0]), statistics.median(spans)


def nova_client(clouds: pathlib.Path, servers: Ids) -> Time:
    """nova host-evacuate, and the wait for the last record."""
    client = pathlib.Path(sys.executable).with_name('nova')
    return _timed(
        'nova host-evacuate',
        servers,
        lambda: _run(
            [str(client), 'host-evacuate', '--strict', HOST], _auth()
        ),
    )


def shell_loop(clouds: pathlib.Path, servers: Ids) -> Time:
    """A loop of openstack server evacuate."""
    client = str(pathlib.Path(sys.executable).with_name('openstack'))
    words = ['--os-compute-api-version', '2.90', 'server', 'evacuate']
    environment = practice.environment(lab.clouds_yaml())
    return _timed(
        'shell loop',
        servers,
        lambda: (
            [_run([client, *words, s], environment) for s in servers] and None
        ),
    )


def bare_loop(clouds: pathlib.Path, servers: Ids) -> Time:
    """The SDK, eight requests in flight, and nothing else: the limit."""
    return _bare('bare loop', servers, IN_FLIGHT)


def bare_at_once(clouds: pathlib.Path, servers: Ids) -> Time:
    """The SDK, every request at once: what nova itself takes."""
    return _bare('bare, all at once', servers, len(servers))


def _bare(way: str, servers: Ids, in_flight: int) -> Time:
    cloud = practice.Practice()
    cloud.call('GET', '/servers')  # the token is not part of the limit

    def go() -> None:
        waiting, flying = list(servers), set[str]()
        while waiting or flying:
            while waiting and len(flying) < in_flight:
                server = waiting.pop(0)
                cloud.action(server, evacuate={})
                flying.add(server)
            flying -= {
                m['instance_uuid']
                for m in cloud.evacuations(HOST)
                if m['status'] == 'done'
            }
            time.sleep(0.25)

    return _timed(way, servers, go)


def floor(in_flight: int) -> Callable[[pathlib.Path, Ids], Time]:
    """As fast as requests can be sent with so many in flight."""

    def way(clouds: pathlib.Path, servers: Ids) -> Time:
        cloud = practice.Practice()
        cloud.call('GET', '/servers')
        asked: set[str] = set()
        with Watch(servers) as watch:
            start = time.time()
            for server in servers:
                while len(asked - set(watch.done)) >= in_flight:
                    time.sleep(LOOK / 2)
                cloud.action(server, evacuate={})
                asked.add(server)
            return Time(f'floor, {in_flight}', watch.wait() - start)

    return way


def _timed(way: str, servers: Ids, go: Callable[[], None]) -> Time:
    with Watch(servers) as watch:
        start = time.time()
        go()
        return Time(way, watch.wait() - start)


def _run(argv: list[str], environment: dict[str, str]) -> None:
    subprocess.run(
        argv, env=environment, check=True, stdout=subprocess.DEVNULL
    )


def _auth() -> dict[str, str]:
    """novaclient reads no clouds.yaml."""
    return {
        'PATH': os.environ['PATH'],
        'OS_AUTH_URL': f'{ports.url("keystone")}/v3',
        'OS_USERNAME': 'admin',
        'OS_PASSWORD': keys.PASSWORD,
        'OS_PROJECT_NAME': 'admin',
        'OS_USER_DOMAIN_ID': 'default',
        'OS_PROJECT_DOMAIN_ID': 'default',
        'OS_COMPUTE_API_VERSION': '2.90',
    }


OURS = (ours, ours_in_slots, by_database)
WAYS = (ours, ours_in_slots, nova_client, shell_loop, bare_loop, bare_at_once)


def _name(way: Callable[..., Time]) -> str:
    return way.__name__


NAMED = {_name(way): way for way in (*WAYS, by_database)}


def measure(
    cloud: practice.Practice, way: Callable[[pathlib.Path, Ids], Time], n: int
) -> Time:
    """Boot, fail, and have one way recover."""
    cloud.delete_all()
    for host in lab.HOSTS:
        cloud.heal(host)
    with (
        practice.shared_disks(),
        tempfile.TemporaryDirectory() as folder,
    ):
        clouds = practice.write_clouds(pathlib.Path(folder))
        servers = cloud.boot([f'b-{i}' for i in range(n)], HOST)
        lab.fail(HOST)
        cloud.until(
            lambda: cloud.service(HOST)['state'] == 'down', 'seen as down'
        )
        if way not in OURS:
            cloud.put_service(HOST, forced_down=True)
        before = _busy()
        found = way(clouds, servers)
        return dataclasses.replace(found, busy=_busy() - before)


def _busy() -> float:
    """Seconds that processors of this machine were not idle so far."""
    fields = pathlib.Path('/proc/stat').read_text().split('\n')[0].split()
    user, nice, system, _idle, _wait, *rest = map(int, fields[1:8])
    ticks = user + nice + system + sum(rest)
    return ticks / os.sysconf('SC_CLK_TCK')


def main() -> None:
    """Run the rounds and print medians and paired ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--servers', type=int, default=20)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--floor', type=int, action='append', default=[])
    parser.add_argument('--way', choices=NAMED, action='append')
    parser.add_argument('--json', type=pathlib.Path, help='also write here')
    given = parser.parse_args()
    cloud = practice.Practice()
    chosen = [NAMED[name] for name in given.way or map(_name, WAYS)]
    ways = [*chosen, *map(floor, given.floor)]
    rounds = []
    for number in range(given.rounds):
        turn = number % len(ways)
        times = [
            measure(cloud, way, given.servers)
            for way in (*ways[turn:], *ways[:turn])
        ]
        rounds.append({one.way: one for one in times})
        for one in times:
            print(number + 1, dataclasses.asdict(one), flush=True)
    report(rounds)
    if given.json:
        data = [
            {k: dataclasses.asdict(v) for k, v in r.items()} for r in rounds
        ]
        given.json.write_text(json.dumps(data, indent=1) + '\n')


def report(rounds: list[dict[str, Time]]) -> None:
    """Medians over the rounds, and ratios paired within each round."""
    ways = list(rounds[0])
    totals = {way: [r[way].total for r in rounds] for way in ways}
    for way in ways:
        busy = statistics.median(r[way].busy for r in rounds)
        total = statistics.median(totals[way])
        print(f'{way:24} median {total:6.1f} s, {busy:6.1f} CPU s in all')
    if 'ours' not in ways:
        return
    for way in ways:
        if way == BY_DATABASE or not way.startswith('ours'):
            _ratio(f'ours / {way}', totals['ours'], totals[way])
    fixed = [r['ours'].fixed for r in rounds]
    print(f'fixed cost               median {statistics.median(fixed):6.1f} s')
    if 'bare loop' in ways:
        bare = totals['bare loop']
        limit = [b + f for b, f in zip(bare, fixed, strict=True)]
        _ratio('ours / (bare loop + fixed)', totals['ours'], limit)
    if IN_SLOTS in ways:
        slots = [r[IN_SLOTS] for r in rounds]
        lag = statistics.median(one.lag / one.slot for one in slots)
        print(f'lag / slot, 8 in flight  median {lag:6.3f}')


def _ratio(what: str, ours: Sequence[float], of: Sequence[float]) -> None:
    ratios = [a / b for a, b in zip(ours, of, strict=True)]
    spread = f'{min(ratios):.2f}-{max(ratios):.2f}'
    print(f'{what:34} {statistics.median(ratios):5.2f} ({spread})')


if __name__ == '__main__':
    main()
