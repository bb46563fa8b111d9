# SPDX-License-Identifier: Apache-2.0
"""Database URLs, as SQLAlchemy reads them."""

import urllib.parse

import pytest
import sqlalchemy.exc
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from osc_recover import errors
from osc_recover.gateways.database import url

TEXT = st.text(st.characters(exclude_categories=('Cs',)))
NAMES = st.text(st.sampled_from('abcxyz09-._'), min_size=1)
HOSTS = st.sampled_from(
    ['db', 'db.example.org', '10.0.0.1', '::1', 'fd00::a', 'DB-1']
)


def read(text):
    """What a text is read as, or why it is not."""
    try:
        return url.parse('x', text)
    except errors.BadDatabaseUrl as exc:
        return exc


def quoted(text):
    return urllib.parse.quote(text, safe='')


@given(TEXT, TEXT, HOSTS, st.none() | st.integers(1, 65535), NAMES)
@example('nova', 'p+q %:/@?#&=', '::1', 3306, 'nova_api')
def test_what_is_put_into_a_url_is_read_from_it(
    user, password, host, port, database
):
    at = f'[{host}]' if ':' in host else host
    at += f':{port}' if port else ''
    text = f'mysql+pymysql://{quoted(user)}:{quoted(password)}@{at}/{database}'
    found = url.parse('x', text)
    assert (found.user, found.password) == (user, password)
    assert (found.host, found.port, found.database) == (
        host,
        port or 0,
        database,
    )


@settings(max_examples=1000, deadline=None)
@given(
    st.builds(
        'mysql+pymysql://{}'.format,
        st.text(st.sampled_from('ab1:@/?%20+[]=&#.,'), max_size=30),
    )
)
@example('mysql+pymysql://u:p@ss@h/d')
@example('mysql+pymysql://u@h:/d')
@example('mysql+pymysql://u:a:b@[::1]:3/d?charset=utf8mb4')
def test_any_text_is_read_as_sqlalchemy_reads_it_or_refused(text):
    try:
        theirs = make_url(text)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        with pytest.raises(errors.BadDatabaseUrl):
            url.parse('x', text)
        return
    ours = read(text)
    if isinstance(ours, errors.BadDatabaseUrl):
        # What SQLAlchemy lets pass, and PyMySQL would not use.
        odd_port = not 0 <= (theirs.port or 0) < 65536
        assert not theirs.database or theirs.query or odd_port
        return
    assert (ours.user, ours.password) == (
        theirs.username or '',
        theirs.password or '',
    )
    assert (ours.host, ours.port) == (theirs.host or '', theirs.port or 0)
    assert ours.database == (theirs.database or '')


@given(TEXT)
def test_any_text_is_a_url_or_refused_without_being_told(text):
    assume(len(text) > 4)
    assert text not in str(read(text))


BASE = 'mysql+pymysql://nova:secret@db/nova'


def options(query):
    return dict(url.parse('x', f'{BASE}?{query}').options)


def theirs(query):
    """What SQLAlchemy gives to PyMySQL."""
    _, found = (
        make_url(f'{BASE}?{query}')
        .get_dialect()()
        .create_connect_args(make_url(f'{BASE}?{query}'))
    )
    for key in ('host', 'user', 'password', 'passwd', 'database', 'db'):
        found.pop(key, None)
    # Not a part of the URL: SQLAlchemy adds it, as we do elsewhere.
    found.pop('client_flag', None)
    return found


@pytest.mark.parametrize(
    'query',
    [
        'charset=utf8mb4',
        'charset=utf8&connect_timeout=5',
        'charset=utf8&read_timeout=7&write_timeout=8',
        'charset=utf8&unix_socket=/run/mysqld/mysqld.sock',
        'charset=utf8&ssl_ca=/etc/ca.pem',
        'charset=utf8&ssl_ca=/ca&ssl_cert=/c&ssl_key=/k',
        'charset=utf8&ssl_ca=/ca&ssl_check_hostname=false',
        'charset=utf8&ssl_capath=/ca&ssl_cipher=AES256-SHA',
    ],
)
def test_options_are_given_to_pymysql_as_sqlalchemy_gives_them(query):
    assert options(query) == theirs(query)


@pytest.mark.parametrize(
    'query, expected',
    [
        ('', {'charset': 'utf8'}),
        ('plugin=dbcounter', {'charset': 'utf8'}),
        ('local_infile=1&client_flag=65536', {'charset': 'utf8'}),
        (
            'ssl_ca=/ca&ssl_verify_cert=true',
            {'charset': 'utf8', 'ssl': {'ca': '/ca', 'verify_mode': True}},
        ),
        (
            'ssl_verify_identity=true&ssl_ca=/ca',
            {
                'charset': 'utf8',
                'ssl': {
                    'ca': '/ca',
                    'check_hostname': True,
                    'verify_mode': True,
                },
            },
        ),
    ],
)
def test_what_differs_from_sqlalchemy_is_meant_to(query, expected):
    assert options(query) == expected


@pytest.mark.parametrize(
    'text, problem',
    [
        ('postgresql+psycopg2://nova:secret@db/nova', 'of postgresql'),
        ('sqlite:///nova.sqlite', 'of sqlite'),
        ('nova', 'not one of SQLAlchemy'),
        ('', 'not one of SQLAlchemy'),
        ('mysql+pymysql://nova:secret@db', 'names no database'),
        ('mysql+pymysql://nova:secret@db/', 'names no database'),
        ('mysql+pymysql://nova:a@secret@db:secret/nova', 'no number'),
        ('mysql+pymysql://nova:secret@db:99999/nova', 'there is not'),
        (f'{BASE}?ssl_check_hostname=maybe', 'ssl_check_hostname'),
        (f'{BASE}?connect_timeout=secret', 'connect_timeout'),
        (f'{BASE}?secret=1', 'option 1'),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(text, problem):
    with pytest.raises(errors.BadDatabaseUrl, match=problem) as caught:
        url.parse("cell 'cell1'", text)
    assert "database cell 'cell1'" in caught.value.sentence
    assert 'secret' not in f'{caught.value}{caught.value!r}'


@pytest.mark.parametrize('dialect', ['mysql', 'mysql+mysqldb', 'mariadb'])
def test_other_drivers_of_the_same_server_are_fine(dialect):
    assert url.parse('x', f'{dialect}://u:p@db/nova').database == 'nova'


@pytest.mark.parametrize(
    'text, server',
    [
        ('mysql://u@db/x', 'db:3306'),
        ('mysql://u@[::1]:1/x', '[::1]:1'),
        ('mysql://u@/x', 'localhost:3306'),
        ('mysql://u@/x?unix_socket=/run/s', '/run/s'),
    ],
)
def test_the_server_is_named_without_the_account(text, server):
    assert url.parse('x', text).server == server


def test_no_password_is_in_the_text_of_a_url():
    found = url.parse('x', f'{BASE}?ssl_key_password=secret')
    assert 'secret' not in f'{found} {found!r}'
