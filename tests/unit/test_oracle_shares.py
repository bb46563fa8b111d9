# SPDX-License-Identifier: Apache-2.0
"""What is a server's is found, and nothing of another's."""

import pytest

from tests.oracle.flat import records
from tests.oracle.shares import Index, cut_down, touched
from tests.oracle.world import changed
from tests.unit.oracle_worlds import NOW, Twin, world

ONE, TWO = Twin(1), Twin(2)
WORLD = world(ONE, TWO)


@pytest.mark.parametrize('table', sorted(ONE.rows()))
def test_every_row_of_a_server_is_its_own(table):
    assert Index(WORLD).share(ONE.server).rows(table) == ONE.rows()[table]


def test_what_is_nobodys_is_in_no_share():
    tables = {t.name for t in Index(WORLD).share(ONE.server).tables()}
    assert tables == set(ONE.rows())


def test_shares_have_nothing_in_common():
    index = Index(WORLD)
    one, two = (index.share(twin.server).keys() for twin in (ONE, TWO))
    assert one
    assert not one & two


def test_no_id_or_address_of_a_server_is_left_in_its_records():
    text = str(records(Index(WORLD).share(ONE.server)))
    kept = {ONE.attachment(0), 'twin-1', 'r-00000001', '10.99.0.1', 'fa:16'}
    ids = {ONE.server, ONE.volume, ONE.port, ONE.migration, ONE.request}
    for own in kept | ids | {ONE.port[:11], str(NOW)}:
        assert own not in text, own
    for label in ('<server>', '<volume 0>', '<tap 0>', '<address 0>'):
        assert label in text


def test_a_longer_number_is_not_taken_for_an_address():
    table = 'nova.instance_info_caches'
    [row] = ONE.rows()[table]
    two = {**row, 'network_info': '["10.99.0.1", "10.99.0.12"]'}
    share = Index(WORLD.with_row(table, row, two)).share(ONE.server)
    [record] = records(share)[table]
    assert record['network_info[0]'] == '<address 0>'
    assert record['network_info[1]'] == '10.99.0.12'


def test_cut_down_shares_are_the_same_shares():
    index = Index(WORLD)
    small = Index(cut_down([index.share(ONE.server)]))
    assert records(small.share(ONE.server)) == records(index.share(ONE.server))
    assert not small.share(TWO.server).places


def test_a_row_that_changed_came_or_went_is_a_change():
    [service] = WORLD['nova.services'].rows
    came = {**service, 'id': 2}
    later = {**service, 'report_count': 8}
    for rows, keys in (
        ([later], {(1,)}),
        ([service, came], {(2,)}),
        ([], {(1,)}),
    ):
        after = WORLD.with_rows('nova.services', rows)
        assert changed(WORLD, after) == {'nova.services': keys}
    assert changed(WORLD, WORLD) == {}


def test_columns_that_changed_are_told_even_those_with_a_label():
    before = Index(WORLD).share(ONE.server)
    [row] = ONE.rows()['nova.instances']
    renamed = {**row, 'display_name': 'another'}
    after = Index(WORLD.with_row('nova.instances', row, renamed))
    found = touched(before, after.share(ONE.server))
    assert found == {'nova.instances.display_name'}
    assert touched(before, before) == set()
