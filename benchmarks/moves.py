# SPDX-License-Identifier: Apache-2.0
"""Servers moved in nova's own database, one transaction each.

``python -m benchmarks.moves`` makes a private MariaDB with the schema of nova
34 and 1,000 servers on a dead host, plans them all from what the database
says, moves them one after another, takes them back, and moves them eight at a
time.  Counted are the statements that the server got for the moves.
"""

import argparse
import concurrent.futures
import pathlib
import tempfile
import time
from collections.abc import Callable
from typing import TypeVar

from osc_recover.facts import Move
from osc_recover.gateways.database import Database, movables, moving
from tests import mariadb
from tests.schemas.cell import ALIVE, Cell, planned

T = TypeVar('T')

LANES = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--servers', type=int, default=1000)
    parser.add_argument('--release', default='34')
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with mariadb.running(pathlib.Path(folder)) as server:
            measure(Cell.made(server, parsed.release), parsed.servers)


def measure(cell: Cell, number: int) -> None:
    """Print what moving so many servers costs."""
    servers = [cell.boot() for _ in range(number)]
    for server in servers:
        cell.token(server)
    database = cell.open()
    seconds, found = timed(lambda: movables.movables(database, servers))
    print(f'facts of {len(found)} servers: {seconds:.2f} s')
    plans = [planned(database, server) for server in servers]
    one_by_one(cell, database, plans)
    seconds, _ = timed(lambda: each(moving.take_back, database, plans))
    print(f'taken back, one by one: {seconds:.2f} s')
    plans = [planned(database, server) for server in servers]
    with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
        seconds, _ = timed(
            lambda: list(
                pool.map(lambda plan: moving.move(database, plan), plans)
            )
        )
    print(f'moved, {LANES} at a time: {seconds:.2f} s')
    print(f'deadlocks: {status(cell, "Innodb_deadlocks")}')
    moved = cell.rows('instances', f"host = '{ALIVE}'")
    assert len(moved) == number, f'{len(moved)} servers were moved'


def one_by_one(cell: Cell, database: Database, plans: list[Move]) -> None:
    """Move servers, and count what the server was asked."""
    before = status(cell, 'Questions')
    seconds, _ = timed(lambda: each(moving.move, database, plans))
    said = (status(cell, 'Questions') - before) / len(plans)
    print(f'moved, one by one: {seconds:.2f} s, {said:.2f} statements each')


def each(
    verb: Callable[[Database, Move], None],
    database: Database,
    plans: list[Move],
) -> None:
    for plan in plans:
        verb(database, plan)


def status(cell: Cell, name: str) -> int:
    """A counter of the server's."""
    (row,) = cell.server.admin(f"SHOW GLOBAL STATUS LIKE '{name}'")
    return int(row[1])


def timed(do: Callable[[], T]) -> tuple[float, T]:
    """Seconds, and what came of it."""
    begun = time.perf_counter()
    result = do()
    return time.perf_counter() - begun, result


if __name__ == '__main__':
    main()
