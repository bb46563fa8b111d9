# SPDX-License-Identifier: Apache-2.0
"""What an id may mean, and what is said of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover import errors
from osc_recover.checks.instances import ids
from osc_recover.facts import CellGap, Found, Placed, Reading

UUID = '3f57699a-e773-4650-a443-b4b37eed5a06'
PLAIN = UUID.replace('-', '')
ONE = Placed('cell1', UUID, 5561, 'at3-ui02', 'np-rcc54', readings=('uuid',))
GAP = CellGap('cell2', 'no route', 'see the cable')


def placed(uuid=UUID, *readings, **values):
    return Placed('cell1', uuid, 5561, readings=readings, **values)


@pytest.mark.parametrize(
    'text, expected',
    [
        (UUID, [('uuid', UUID), ('name', UUID)]),
        (UUID.upper(), [('uuid', UUID), ('name', UUID.upper())]),
        (PLAIN, [('uuid', UUID), ('name', PLAIN)]),
        ('i-000015b9', [('ec2', 5561), ('name', 'i-000015b9')]),
        ('I-000015B9', [('ec2', 5561), ('name', 'I-000015B9')]),
        ('instance-000015b9', [('id', 5561), ('name', 'instance-000015b9')]),
        ('15b9', [('ec2', 5561), ('id', 5561), ('name', '15b9')]),
        ('web-1', [('name', 'web-1')]),
        ('i-am-a-server', [('name', 'i-am-a-server')]),
        ("x' OR '1'='1", [('name', "x' OR '1'='1")]),
        ('%(uuid)s; DROP TABLE instances', [
            ('name', '%(uuid)s; DROP TABLE instances')
        ]),
        ('7fffffff', [
            ('ec2', 2**31 - 1), ('id', 2**31 - 1), ('name', '7fffffff')
        ]),
        ('80000000', [('name', '80000000')]),
        ('i-ffffffffffff', [('name', 'i-ffffffffffff')]),
    ],
)  # fmt: skip
def test_an_id_is_read_as_all_that_it_may_be(text, expected):
    assert list(ids.readings(text)) == [Reading(*one) for one in expected]


@pytest.mark.parametrize('text', ['', ' ', '\t\n'])
def test_nothing_is_refused(text):
    with pytest.raises(errors.Refused, match='no server was named'):
        ids.readings(text)


def test_what_is_no_text_is_no_server():
    with pytest.raises(errors.UnknownServer, match='udcff'):
        ids.readings('web\udcff')


@given(st.text())
def test_whatever_is_typed_is_read_or_refused(text):
    if not text.strip():
        return
    found = ids.readings(text)
    assert found[-1] == Reading('name', text)
    assert all(0 <= r.value < 2**31 for r in found if r.kind == 'id')


@pytest.mark.parametrize(
    'text, code, told',
    [
        ('80000000', 'id-overflow', '2147483648'),
        ('i-ffffffffff', 'id-overflow', '1099511627775'),
        ('instance-ffffffffff', 'id-overflow', '1099511627775'),
        ('15b9', 'unknown-server', "(5561); it was looked for as EC2 id, "),
        ('web-1', 'unknown-server', 'as name'),
        ("'; --", 'unknown-server', '"\'; --"'),
    ],
)  # fmt: skip
def test_what_no_cell_has_is_refused_and_said(text, code, told):
    with pytest.raises(errors.Refused) as caught:
        ids.meant(text, Found())
    assert caught.value.code == code
    assert told in caught.value.sentence


def test_a_server_of_a_cell_that_is_not_searched_is_said_to_be_there():
    with pytest.raises(errors.Refused, match='in cell cell0') as caught:
        ids.meant(UUID, Found(mapped='cell0'))
    assert caught.value.code == 'other-cell'


def test_a_cell_that_is_silent_may_have_it():
    assert ids.meant('15b9', Found(gaps=(GAP,))) == ()


def test_deleted_servers_count_only_where_no_other_is():
    here, gone = placed('a', 'name'), placed('b', 'id', deleted=True)
    assert ids.meant('15b9', Found((gone, here))) == (here,)
    assert ids.meant('15b9', Found((gone,))) == (gone,)


def test_a_number_of_two_sequences_is_not_guessed():
    found = Found((placed('a', 'ec2'), placed('b', 'id')))
    assert len(ids.meant('15b9', found)) == 2
    with pytest.raises(errors.Refused, match='any of 2 servers: a, b'):
        ids.the_one('15b9', found)


def test_for_a_change_a_silent_cell_matters_unless_it_is_a_uuid():
    by_name = Found((placed(UUID, 'name'),), (GAP,))
    with pytest.raises(errors.Refused, match='cell2') as caught:
        ids.the_one('web-1', by_name)
    assert caught.value.code == 'cell-silent'
    by_uuid = Found((placed(UUID, 'uuid'),), (GAP,))
    assert ids.the_one(UUID, by_uuid).uuid == UUID
    with pytest.raises(errors.Refused, match='no route'):
        ids.the_one(UUID, Found(gaps=(GAP,)))


@pytest.mark.parametrize(
    'text, readings, told',
    [
        (UUID, ('uuid',), ''),
        ('web-1', ('name',), ''),
        ('15b9', ('ec2', 'id'), f'15b9 is the EC2 id and instances.id of '
         f'server {UUID}'),
        ('15b9', ('id',), f'15b9 is the instances.id of server {UUID}; no '
         'other server has it as EC2 id'),
        ('15b9', ('name',), f'15b9 is the name of server {UUID}; no other '
         'server has it as EC2 id or instances.id'),
        ('i-000015b9', ('ec2',), f'i-000015b9 is the EC2 id of server {UUID}'),
    ],
)  # fmt: skip
def test_which_number_it_was_is_said(text, readings, told):
    one = placed(UUID, *readings)
    assert ids.said(text, one, Found((one,))) == told


def test_a_silent_cell_is_no_proof():
    one = placed(UUID, 'id')
    assert 'were not asked' in ids.said('15b9', one, Found((one,), (GAP,)))
