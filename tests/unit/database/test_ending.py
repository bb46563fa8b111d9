# SPDX-License-Identifier: Apache-2.0
"""An attachment that is ended in cinder's database, and what it leaves.

The tables have the columns of cinder/db/models.py that are written; the whole
of cinder is asked in the functional tests.
"""

import pytest

from osc_recover import errors
from osc_recover.gateways.database import ending
from tests.unit.database.conftest import at

TABLES = (
    'CREATE OR REPLACE DATABASE cinder',
    """CREATE TABLE cinder.volumes (id VARCHAR(36) PRIMARY KEY, deleted BOOL,
       status VARCHAR(255), attach_status VARCHAR(255), updated_at DATETIME)
       ENGINE=InnoDB""",
    """CREATE TABLE cinder.volume_attachment (id VARCHAR(36) PRIMARY KEY,
       volume_id VARCHAR(36), instance_uuid VARCHAR(36), deleted BOOL,
       deleted_at DATETIME, detach_time DATETIME, attach_status VARCHAR(255))
       ENGINE=InnoDB""",
    """CREATE TABLE cinder.attachment_specs (attachment_id VARCHAR(36),
       deleted BOOL, deleted_at DATETIME) ENGINE=InnoDB""",
    """CREATE TABLE cinder.volume_admin_metadata (volume_id VARCHAR(36),
       `key` VARCHAR(255), deleted BOOL, deleted_at DATETIME)
       ENGINE=InnoDB""",
    "INSERT INTO cinder.volumes VALUES ('v', 0, 'in-use', 'attached', NULL)",
    """INSERT INTO cinder.volume_admin_metadata VALUES
       ('v', 'attached_mode', 0, NULL), ('v', 'readonly', 0, NULL)""",
)
WHAT = ending.Ending('a1', 'v', 's1', 'in-use')


@pytest.fixture
def cinder(server):
    server.admin(*TABLES)
    attach(server, 'a1', 's1')
    account = server.account('ender', 'SELECT, UPDATE ON cinder.*')
    found = at(server.url(account, 'cinder'), 'cinder')
    yield found
    found.close()


def attach(server, name, to, status='attached'):
    server.admin(
        'INSERT INTO cinder.volume_attachment VALUES '
        f"('{name}', 'v', '{to}', 0, NULL, NULL, '{status}')"
    )


def volume(cinder):
    [row] = cinder.read('SELECT status, attach_status FROM volumes')
    return row['status'], row['attach_status']


def left(cinder):
    rows = cinder.read('SELECT id FROM volume_attachment WHERE deleted = 0')
    return {row['id'] for row in rows}


@pytest.mark.parametrize(
    ('others', 'wanted'),
    [
        ((), ('available', 'detached')),
        (('attached',), ('in-use', 'attached')),
        (('reserved', 'attached'), ('in-use', 'attached')),
        (('detaching', 'reserved'), ('detaching', 'detaching')),
        (('attaching', 'detaching'), ('attaching', 'attaching')),
        (('error_attaching',), ('available', 'detached')),
    ],
)
def test_the_volume_is_what_the_others_make_of_it(
    cinder, server, others, wanted
):
    for number, status in enumerate(others, 2):
        attach(server, f'a{number}', f's{number}', status)
    ending.end(cinder, WHAT)
    assert volume(cinder) == wanted
    assert left(cinder) == {f'a{n}' for n in range(2, len(others) + 2)}
    [ended] = cinder.read(
        "SELECT * FROM volume_attachment WHERE id = 'a1'",
    )
    assert ended['attach_status'] == 'detached'
    assert ended['deleted_at'] == ended['detach_time'] is not None
    rows = cinder.read(
        'SELECT `key` FROM volume_admin_metadata WHERE deleted = 0'
    )
    assert [row['key'] for row in rows] == ['readonly']


@pytest.mark.parametrize(
    ('changed', 'said'),
    [
        ({'was': 'attaching'}, 'volumes.status'),
        ({'attachment': 'a9'}, 'volume_attachment is gone'),
        ({'server': 's9'}, 'volume_attachment is gone'),
        ({'volume': 'w'}, 'volumes is gone'),
    ],
)
def test_what_is_not_so_changes_nothing(cinder, changed, said):
    what = ending.Ending(**{
        'attachment': 'a1', 'volume': 'v', 'server': 's1', 'was': 'in-use',
        **changed,
    })  # fmt: skip
    with pytest.raises((errors.RowGone, errors.RowsDiffer), match=said):
        ending.end(cinder, what)
    assert volume(cinder) == ('in-use', 'attached')
    assert left(cinder) == {'a1'}


def test_it_is_ended_once(cinder):
    ending.end(cinder, WHAT)
    with pytest.raises(errors.RowsDiffer):
        ending.end(cinder, WHAT)
    with pytest.raises(errors.RowGone):
        ending.end(cinder, ending.Ending('a1', 'v', 's1', 'available'))
