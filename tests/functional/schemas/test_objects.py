# SPDX-License-Identifier: Apache-2.0
"""Rows made by nova's own objects, moved by us, read by nova's again."""

import json
import pathlib
import subprocess

import pytest

from osc_recover import errors
from osc_recover.facts import moving as kinds
from osc_recover.gateways.database import movables, moving
from tests import mariadb, schemas
from tests.cloud import paths
from tests.schemas import making
from tests.schemas.cell import Cell, planned

SIDE = pathlib.Path(schemas.__file__).with_name('nova_side.py')


@pytest.fixture(scope='module')
def cell(tmp_path_factory):
    if not (paths.venv() / 'whole').exists():
        pytest.skip('there is no nova: python -m tests.cloud up installs it')
    with mariadb.running(tmp_path_factory.mktemp('db')) as server:
        yield Cell.made(server, '34')


@pytest.fixture(scope='module')
def database(cell):
    found = cell.open()
    yield found
    found.close()


@pytest.fixture(scope='module')
def nova(cell, tmp_path_factory):
    """A function that has nova's own Python make or look at a server."""
    account = cell.server.account('nova', 'ALL ON *.*')
    conf = tmp_path_factory.mktemp('nova') / 'nova.conf'
    conf.write_text(
        making.CONF.format(
            nova=cell.server.url(account, cell.name),
            nova_api=cell.server.url(account, cell.api_name),
        )
    )

    def ask(verb, about):
        done = subprocess.run(
            [paths.venv() / 'bin/python', SIDE, conf, verb, about],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


def test_nova_sees_a_move_as_an_evacuation_that_was_carried_out(
    nova, database
):
    server = nova('make', 'plain')['server']
    what = planned(database, server)
    assert (what.user, what.project) == ('u', 'p')
    moving.move(database, what)
    seen = nova('look', server)
    assert seen['instance'] == [
        'cmp2', 'cmp2.node', 2, 'stopped', 4, None, 'az2',
    ]  # fmt: skip
    assert seen['evacuations'] == [['cmp2', 'done', 2]]
    ((action, message, events),) = seen['actions']
    assert (action, events) == ('evacuate', [[moving.EVENT, 'Success']])
    assert 'cmp1 -> cmp2' in message


def test_nova_sees_nothing_to_destroy_once_a_move_is_taken_back(
    nova, database
):
    server = nova('make', 'plain')['server']
    before = nova('look', server)
    what = planned(database, server)
    moving.move(database, what)
    moving.take_back(database, what)
    seen = nova('look', server)
    assert seen['instance'] == before['instance']
    assert seen['evacuations'] == []


def test_an_evacuation_that_nova_left_becomes_the_record(nova, database):
    server = nova('make', 'evacuated')['server']
    what = planned(database, server)
    assert what.adopted.status == 'accepted'
    moving.move(database, what)
    assert nova('look', server)['evacuations'] == [['cmp2', 'done', 2]]


def test_claims_that_nova_wrote_are_read(nova, database):
    server = nova('make', 'claims')['server']
    found = movables.movables(database, [server])[server]
    assert {claim.code for claim in found.claims} == {
        kinds.NUMA,
        kinds.PCI_REQUEST,
    }
    assert found.extra_specs == {'hw:a': 'b'}
    assert found.image_properties == {'hw_disk_bus': 'virtio'}
    with pytest.raises(errors.RowsDiffer) as caught:
        moving.move(database, planned(database, server))
    assert caught.value.column == 'claims'
