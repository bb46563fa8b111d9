# SPDX-License-Identifier: Apache-2.0
"""Network filters: read strictly, and defined in place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc_recover.agent import errors
from osc_recover.agent.domains import filters, keep, xml
from tests.unit.virsh_double import Virsh
from tests.unit.virsh_program import filter_xml

ONE = '0d0c1f5e-8a0e-4d7c-9b4e-6f0f3a1c2d3e'
# virsh -q nwfilter-list, 9.0 of Debian 12.
SAID = f"""\
 {ONE}   allow-arp
 9f9d34e2-1c6f-4b8d-a3a1-0c6d0c7f2f11   a filter with blanks

"""


def quiet(event):
    pass


@pytest.fixture
def double(tmp_path, monkeypatch):
    made = Virsh(tmp_path / 'virsh')
    made.install(monkeypatch)
    monkeypatch.setattr(keep, 'FOLDER', str(tmp_path / 'kept'))
    monkeypatch.setattr(keep, '_HANDED', str(tmp_path))
    monkeypatch.setattr(filters, '_SHIPPED', (str(tmp_path / 'shipped'),))
    (tmp_path / 'shipped').mkdir()
    return made


def define(given, anew=False):
    return filters.define({'filters': given, 'anew': anew}, quiet)


def test_filters_are_read_by_name():
    assert filters.parse(SAID) == {
        'allow-arp': ONE,
        'a filter with blanks': '9f9d34e2-1c6f-4b8d-a3a1-0c6d0c7f2f11',
    }


@pytest.mark.parametrize(
    'said',
    [' UUID   Name\n', f' {ONE}\n', f' {ONE[:-1]}   x\n', 'error: no\n'],
)
def test_a_line_that_is_not_understood_is_an_error(said):
    with pytest.raises(errors.Refused, match='virsh nwfilter-list says'):
        filters.parse(said)


@given(st.text())
def test_any_text_is_read_or_refused(said):
    try:
        found = filters.parse(said)
    except errors.Refused:
        return
    assert '' not in {*found, *found.values()}


def test_a_filter_that_is_missing_is_defined_after_what_it_is_made_of(double):
    given = {
        'clean': filter_xml('clean', 'inner', 'leaf'),
        'inner': filter_xml('inner', 'leaf'),
        'leaf': filter_xml('leaf', uuid=ONE),
    }
    assert define(given) == {
        'defined': ['leaf', 'inner', 'clean'],
        'kept': [],
    }
    assert ONE in double.defined('leaf')


def test_a_filter_that_is_there_is_left_unless_it_is_to_be_made_anew(double):
    double.filter('leaf', uuid=ONE)
    given = {'leaf': filter_xml('leaf', 'other'), 'other': filter_xml('other')}
    assert define(given)['defined'] == ['other']
    assert "filter='other'" not in double.defined('leaf')
    told = define(given, anew=True)
    assert told['defined'] == ['other', 'leaf']
    assert "filter='other'" in double.defined('leaf')


def test_a_filter_is_made_anew_with_the_uuid_that_it_has(double):
    double.filter('leaf', uuid=ONE)
    theirs = filter_xml('leaf', uuid='9f9d34e2-1c6f-4b8d-a3a1-0c6d0c7f2f11')
    [kept] = define({'leaf': theirs}, anew=True)['kept']
    assert ONE in double.defined('leaf')
    with open(kept) as file:
        assert ONE in file.read()


def test_a_uuid_that_another_filter_has_is_not_taken(double):
    double.filter('other', uuid=ONE)
    define({'leaf': filter_xml('leaf', uuid=ONE)})
    assert ONE not in double.defined('leaf')


def test_a_filter_that_is_called_otherwise_is_refused_before_any(double):
    given = {'a': filter_xml('a'), 'b': filter_xml('c')}
    with pytest.raises(errors.Refused, match='b is another one'):
        define(given)
    with pytest.raises(FileNotFoundError):
        double.defined('a')


def test_filters_that_are_defined_come_with_all_they_refer_to(double):
    double.filter('leaf')
    double.filter('clean', 'leaf', 'gone')
    double.filter('else')
    asked = {'names': ['clean', 'absent'], 'shipped': False}
    found = filters.show(asked, quiet)['filters']
    assert set(found) == {'clean', 'leaf'}
    assert found['clean']['refers'] == ['leaf', 'gone']


def test_filters_of_a_circle_are_read_once(double):
    double.filter('a', 'b')
    double.filter('b', 'a')
    asked = {'names': ['a'], 'shipped': False}
    assert set(filters.show(asked, quiet)['filters']) == {'a', 'b'}


def test_the_set_that_libvirt_brings_is_read_from_its_files(double, tmp_path):
    shipped = tmp_path / 'shipped'
    (shipped / 'clean.xml').write_text(filter_xml('clean', 'leaf'))
    (shipped / 'leaf.xml').write_text(filter_xml('leaf'))
    (shipped / 'odd.xml').write_text(filter_xml('even'))
    (tmp_path / 'out.xml').write_text(filter_xml('../out'))
    asked = {'names': ['clean', 'odd', '../out', '-n', ''], 'shipped': True}
    assert set(filters.show(asked, quiet)['filters']) == {'clean', 'leaf'}


def test_an_old_uuid_goes_when_a_filter_is_to_have_none():
    text = xml.with_uuid(filter_xml('a', 'b', uuid=ONE), None)
    assert ONE not in text
    assert xml.filter_references(text) == ['b']
