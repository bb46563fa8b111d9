# SPDX-License-Identifier: Apache-2.0
"""The bed as a whole, and what tests do to its hosts.

Hosts are dialled over a leg of the bed's bridge in this machine's own network
namespace (``network``); nothing of the bed leads anywhere else.  There is one
bed on a machine.  Its hosts are processes of the practice cloud, whose "down"
ends them too; ``down`` here removes the rest.
"""

from __future__ import annotations

import concurrent.futures
import shutil
from collections.abc import Callable, Iterable
from typing import TypeVar

from tests.cloud import files, processes, services
from tests.cloud import hosts as cloud_hosts
from tests.hosts import (
    cgroups,
    errors,
    install,
    joining,
    layers,
    limits,
    machine,
    network,
    paths,
    record,
    tree,
)

Host = machine.Host
T = TypeVar('T')
# More at once, and the last to be served is taken for dead.
_AT_ONCE = 8

hosts = record.hosts
host = record.host
lacks = install.lacks
boot_id = machine.boot_id
run = machine.run


def up(
    count: int,
    *,
    joined: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> list[Host]:
    """Have hosts 1 … count, made where they are not, on and of use.

    :param joined: not host1 … but cmp1 …, which run the nova-compute of the
        practice cloud's computes of these names
    :param say: told of each host that is there
    :raises errors.BedError: when the machine or the cloud lacks something
    """
    _check(count, joined)
    with files.locked(paths.state() / 'bed'):
        install.packages()
        tree.build()
        _begin()
        if joined:
            joining.forward()
        wanted = [_entered(n, joined) for n in range(1, count + 1)]
        _each(wanted, lambda one: _have(one, say))
        return wanted


def down() -> None:
    """End and remove all hosts, and leave the machine as it was.

    Joined computes are given back to the practice cloud, if it is up.
    """
    if not paths.state().exists():
        return
    with files.locked(paths.state() / 'bed'):
        _sweep()


def power_off(name: str) -> None:
    """Cut a host's power; of a joined one, its guests are off too."""
    one = host(name)
    if one.joined:
        cloud_hosts.fail(name)
    else:
        machine.kill(one)


def power_on(name: str) -> None:
    """Boot a host that is off, and wait until it is of use."""
    _start(host(name))


def reboot(name: str) -> None:
    """Reboot a host in order, and wait until it is of use again.

    The guests of a joined one are off afterwards, as on any host.
    """
    one = host(name)
    if one.joined:
        cloud_hosts.power(name, on=False)
    machine.reboot(one)
    if one.joined:
        cloud_hosts.power(name, on=True)


def reset(name: str) -> None:
    """A host as it was when it was made, its keys included; a new boot."""
    power_off(name)
    layers.clear(name)
    layers.mount(name)
    power_on(name)


def cut(name: str) -> None:
    """Pull a host's network cable: what is sent is lost, nobody is told."""
    network.cut(host(name).name)


def mend(name: str) -> None:
    """Plug it in again."""
    network.mend(host(name).name)


def running(name: str) -> bool:
    """Whether a host has power; it may still be booting."""
    return machine.running(host(name))


def _check(count: int, joined: bool) -> None:
    if lack := install.lacks():
        raise errors.BedError(lack)
    if not 1 <= count <= network.ROOM:
        raise errors.BedError(
            f'a bed has 1 to {network.ROOM} hosts, not {count}'
        )
    if joined:
        joining.check(count)


def _begin() -> None:
    if record.usable():
        return
    _sweep()
    record.begin(limits.raised(), network.mounted())
    machine.keygen(paths.key(), 'bed')
    network.bridge()
    record.bridged()


def _entered(number: int, joined: bool) -> Host:
    """Host number 1, 2, … of its kind, which from now on is the bed's."""
    name = f'{"cmp" if joined else "host"}{number}'
    if name not in {one.name for one in hosts()}:
        record.add(name, record.free(), joined)
    return host(name)


def _have(one: Host, say: Callable[[str], None]) -> None:
    if not layers.mounted(one.name):
        _make(one)
    elif not machine.running(one):
        # What is left of a start that was cut off before it was noted down.
        machine.kill(one)
    _start(one)
    say(f'{one.name}: {one.address}')


def _make(one: Host) -> None:
    machine.forget(one.name)
    network.add(one.name, one.address)
    machine.seed(one, paths.public_key().read_text())
    if one.joined:
        joining.seed(one)
        joining.take(one.name)
    _know(one)
    # Last, as the mark of a host that is whole.
    layers.mount(one.name)


def _know(one: Host) -> None:
    line = f'{one.address} {machine.public_key(one.name)}'
    with files.locked(paths.known_hosts()):
        known = paths.known_hosts()
        lines = known.read_text().splitlines() if known.exists() else []
        kept = [row for row in lines if row.split()[0] != one.address]
        files.write_text(known, '\n'.join([*kept, line]) + '\n')


def _start(one: Host) -> None:
    if one.joined:
        cloud_hosts.revive(one.name)
    else:
        machine.start(one)


def _remove(name: str) -> None:
    cgroups.kill(name)
    machine.forget(name)


def _each(several: Iterable[T], action: Callable[[T], None]) -> None:
    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        for future in [pool.submit(action, one) for one in several]:
            future.result()


def _sweep() -> None:
    """Remove everything of the bed, whole or half-made."""
    known = record.read()
    mine = hosts()
    leaders = [*map(machine.leader, mine), services.FORWARDER]
    processes.stop(leaders, 30)
    for name in leaders:
        processes.forget(name)
    _each({*(one.name for one in mine), *layers.left()}, _remove)
    network.remove_all()
    if not known.get('netns', True):
        network.unmount()
    cgroups.remove()
    limits.put_back(known.get('limits', {}))
    joining.give_back(one.name for one in mine if one.joined)
    _clear_state()


def _clear_state() -> None:
    for path in (paths.key(), paths.public_key(), paths.known_hosts()):
        path.unlink(missing_ok=True)
    shutil.rmtree(paths.state() / 'each', ignore_errors=True)
    record.end()
