# SPDX-License-Identifier: Apache-2.0
"""Many hosts asked over SSH by us and by the peers, in paired rounds.

``python -m benchmarks.fanout`` needs root, and takes the bed of this machine:
hosts of it that are up stay, others are made and stay up.  Every way asks all
hosts with the same key, at most 32 at once:

- check: what ``recover ownership check`` does, from the first connection to
  the table's rows; the stand-in for nova only says that the hosts are its;
- bare: paramiko in a pool of threads, ``exec true``, the least there is;
- openssh: ``ssh HOST true``, a process a host;
- ansible: ``ansible all -m raw -a true``, when it is installed.

CPU is user and system time of a way's process and its children, the start of
Python and its imports included, divided by the hosts.  At the end one of the
hosts is cut off the network, and the check is made once more.
"""

import argparse
import dataclasses
import importlib.util
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from tests.hosts import bed

AT_ONCE = 32
COUNTS = (10, 50, 100)
PATIENCE = 5.0  # seconds for a connection

CHECK = """
import dataclasses, json, pathlib, sys
from osc_recover import settings
from osc_recover.facts import Service
from osc_recover.recovery.ownership import Ownership

told = json.loads(sys.argv[1])

class Nova:
    def services(self):
        return tuple(
            Service('', host['name'], 'nova-compute', '', True, True, False,
                    '', '')
            for host in told['hosts'])

config = settings.read({
    'ssh': {'user': 'root', 'identity_file': told['key'],
            'known_hosts': told['known_hosts'], 'config_file': '/dev/null',
            'connect_timeout': told['patience']},
    'hosts': told['hosts'],
})
rows = Ownership(Nova(), config).check([])
print(json.dumps([dataclasses.asdict(row) for row in rows]))
"""

BARE = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
import paramiko

told = json.loads(sys.argv[1])

def ask(host):
    client = paramiko.SSHClient()
    client.load_host_keys(told['known_hosts'])
    client.connect(host['address'], 22, 'root', key_filename=told['key'],
                   allow_agent=False, look_for_keys=False)
    _, out, _ = client.exec_command('true')
    assert out.channel.recv_exit_status() == 0
    client.close()

with ThreadPoolExecutor(told['at_once']) as pool:
    list(pool.map(ask, told['hosts']))
"""

OPENSSH = """
import json, subprocess, sys
from concurrent.futures import ThreadPoolExecutor

told = json.loads(sys.argv[1])
OPTIONS = ['-F', '/dev/null', '-i', told['key'], '-o', 'BatchMode=yes',
           '-o', 'UserKnownHostsFile=' + told['known_hosts']]

def ask(host):
    argv = ['ssh', *OPTIONS, 'root@' + host['address'], 'true']
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)

with ThreadPoolExecutor(told['at_once']) as pool:
    list(pool.map(ask, told['hosts']))
"""


@dataclasses.dataclass(frozen=True)
class Cost:
    """Seconds; CPU is of one host's share."""

    cpu: float
    wall: float


Hosts = list[bed.Host]


def check(hosts: Hosts) -> Cost:
    """The check, with a row for every account of every host."""
    cost, rows = checked(hosts)
    silent = {row['host'] for row in rows if row['state'] == 'unknown'}
    assert not silent, silent
    assert {row['host'] for row in rows} == {host.name for host in hosts}
    return cost


def checked(hosts: Hosts) -> tuple[Cost, list[dict[str, str]]]:
    """The check, and its rows."""
    cost, out = _python(CHECK, hosts)
    return cost, json.loads(out)


def bare(hosts: Hosts) -> Cost:
    """paramiko, and nothing else."""
    return _python(BARE, hosts)[0]


def openssh(hosts: Hosts) -> Cost:
    """The ssh command."""
    return _python(OPENSSH, hosts)[0]


def ansible(hosts: Hosts) -> Cost:
    """ansible's raw module, which needs no Python on the hosts."""
    [first, *_] = hosts
    with tempfile.TemporaryDirectory() as name:
        inventory = pathlib.Path(name, 'hosts')
        common = (
            f'ansible_user=root ansible_ssh_private_key_file={first.key} '
            'ansible_ssh_common_args="-F /dev/null -o '
            f'UserKnownHostsFile={first.known_hosts}"'
        )
        inventory.write_text(
            ''.join(
                f'{host.name} ansible_host={host.address} {common}\n'
                for host in hosts
            )
        )
        argv = [
            str(pathlib.Path(sys.executable).with_name('ansible')),
            'all', '-i', str(inventory), '-m', 'raw', '-a', 'true',
            '-f', str(AT_ONCE),
        ]  # fmt: skip
        return _run(argv, len(hosts))[0]


def _python(code: str, hosts: Hosts) -> tuple[Cost, str]:
    [first, *_] = hosts
    told = {
        'hosts': [
            {'name': host.name, 'address': host.address} for host in hosts
        ],
        'key': str(first.key),
        'known_hosts': str(first.known_hosts),
        'patience': PATIENCE,
        'at_once': AT_ONCE,
    }
    argv = [sys.executable, '-c', code, json.dumps(told)]
    return _run(argv, len(hosts))


def _run(argv: list[str], hosts: int) -> tuple[Cost, str]:
    """Run a program to its end; it must succeed."""
    kept = {k: v for k, v in os.environ.items() if k != 'SSH_AUTH_SOCK'}
    start = time.monotonic()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, env=kept
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - start
        out.seek(0)
        text = out.read().decode()
    if process.returncode:
        raise SystemExit(f'{argv[0]}: {process.returncode}\n{text}')
    return Cost((usage.ru_utime + usage.ru_stime) / hosts, wall), text


Way = Callable[[Hosts], Cost]


def ways() -> list[Way]:
    """Those whose programs are there."""
    found: list[Way] = [check, bare]
    if shutil.which('ssh'):
        found.append(openssh)
    if importlib.util.find_spec('ansible'):
        found.append(ansible)
    return found


def measured(hosts: Hosts, rounds: int) -> dict[Way, list[Cost]]:
    """Every way in every round, in turn first."""
    every = ways()
    found: dict[Way, list[Cost]] = {way: [] for way in every}
    check(hosts)  # the first login after a boot takes longer
    for number in range(rounds):
        turn = number % len(every)
        for way in every[turn:] + every[:turn]:
            found[way].append(way(hosts))
    return found


def show(hosts: Hosts, found: dict[Way, list[Cost]]) -> None:
    """The medians, and the check as a ratio of each, round by round."""
    print(f'\n{len(hosts)} hosts')
    for way, costs in found.items():
        cpu = 1000 * statistics.median(cost.cpu for cost in costs)
        wall = statistics.median(cost.wall for cost in costs)
        ratio = statistics.median(
            a.cpu / b.cpu for a, b in zip(found[check], costs, strict=True)
        )
        print(
            f'{way.__name__:8} {cpu:7.1f} ms CPU a host  wall {wall:6.2f} s'
            f'   check of it: {ratio:5.2f}',
            flush=True,
        )


def one_dead(hosts: Hosts) -> None:
    """The check with a host that answers nothing."""
    victim = hosts[len(hosts) // 2]
    whole = check(hosts)
    bed.cut(victim.name)
    try:
        cost, rows = checked(hosts)
    finally:
        bed.mend(victim.name)
    silent = [row for row in rows if row['state'] == 'unknown']
    print(
        f'\none of {len(hosts)} cut off: wall {cost.wall:.2f} s, '
        f'{whole.wall:.2f} s with all alive, {PATIENCE:.0f} s the timeout; '
        f'rows of it: {len([r for r in rows if r["host"] == victim.name])}'
    )
    print(f'{silent[0]["host"]}: {silent[0]["reason"]}')


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--count', type=int, action='append')
    args = parser.parse_args()
    counts = args.count or COUNTS
    hosts = bed.up(max(counts))
    for count in counts:
        show(hosts[:count], measured(hosts[:count], args.rounds))
    one_dead(hosts)


if __name__ == '__main__':
    main()
