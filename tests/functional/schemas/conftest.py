# SPDX-License-Identifier: Apache-2.0
"""A cell of each release, in a private MariaDB.

Each test boots servers of its own in it.
"""

import pytest

from tests import mariadb, schemas
from tests.schemas.cell import Cell


@pytest.fixture(scope='session')
def mysql(tmp_path_factory):
    """A server with nothing in it."""
    with mariadb.running(tmp_path_factory.mktemp('db')) as server:
        yield server


@pytest.fixture(scope='session', params=schemas.RELEASES)
def cell(request, mysql):
    """The cell of one release."""
    return Cell.made(mysql, request.param)


@pytest.fixture(scope='session')
def database(cell):
    """The cell's database, as the tool uses it."""
    found = cell.open()
    yield found
    found.close()
