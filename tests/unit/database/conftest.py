# SPDX-License-Identifier: Apache-2.0
"""A real MariaDB, with a table that tests may change."""

import pytest

from osc_recover.gateways.database import Database, url
from tests import certificates, mariadb

THINGS = """
CREATE OR REPLACE TABLE shop.things (
 id INT PRIMARY KEY, name VARCHAR(8) NOT NULL, at DATETIME NULL
) ENGINE=InnoDB
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """One that says nothing about databases."""
    for name in ('OS_DATABASE__CONNECTION', 'OS_API_DATABASE__CONNECTION'):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope='session')
def one_server(tmp_path_factory):
    # Its socket has a short name: a path of one must not be long.
    folder = tmp_path_factory.mktemp('db')
    tls = certificates.make(folder / 'tls', '127.0.0.1')
    options = [f'--ssl-{name}={tls}/{name}.pem' for name in ('cert', 'key')]
    # Loopback has many addresses, and one of them is not in the certificate.
    with mariadb.running(folder, *options) as server:
        server.admin('CREATE DATABASE shop')
        yield server


@pytest.fixture
def server(one_server):
    """A server with a table of two rows, and nothing else."""
    one_server.admin(
        THINGS, "INSERT INTO shop.things VALUES (1, 'a', NULL), (2, 'b', NULL)"
    )
    return one_server


@pytest.fixture
def writer(server):
    """The user part of a URL that may do everything to the table."""
    return server.account('writer', 'ALL ON shop.*')


@pytest.fixture
def database(server, writer):
    found = at(server.url(writer, 'shop'))
    yield found
    found.close()


def at(text, name='shop'):
    """The database at a URL."""
    return Database(name, lambda: url.parse(name, text))
