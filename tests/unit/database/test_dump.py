# SPDX-License-Identifier: Apache-2.0
"""Dumps of a real database: whole, restorable, without secrets."""

import os
import pathlib
import shutil
import stat
import subprocess

import pytest

from osc_recover import errors
from osc_recover.gateways.database import url
from osc_recover.gateways.database.dump import dump, settings
from tests import mariadb


@pytest.fixture(autouse=True)
def client():
    if not (shutil.which('mariadb-dump') or shutil.which('mysqldump')):
        pytest.skip('there is no mariadb-dump: install mariadb-client')


def where(server, account, database='shop'):
    return url.parse('shop', server.url(account, database))


def test_a_dump_can_be_restored(server, writer, tmp_path):
    path = tmp_path / 'shop.sql'
    dump('shop', where(server, writer), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert mariadb.PASSWORD not in path.read_text()
    server.admin('CREATE OR REPLACE DATABASE again')
    again = url.parse('again', server.url(writer, 'again'))
    server.admin(f"GRANT ALL ON again.* TO '{again.user}'@'%'")
    file = tmp_path / 'client.cnf'
    file.write_text(settings('again', again))
    with path.open() as dumped:
        subprocess.run(
            ['mariadb', f'--defaults-file={file}', 'again'],
            stdin=dumped,
            check=True,
        )
    found = subprocess.run(
        ['mariadb', f'--defaults-file={file}', '-N', 'again', '-e',
         'SELECT name FROM things ORDER BY id'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.split() == ['a', 'b']


def test_what_the_server_says_no_to_leaves_no_file(server, tmp_path):
    account = server.account('blind', 'USAGE ON *.*')
    path = tmp_path / 'shop.sql'
    with pytest.raises(errors.DumpFailed, match='ended with') as caught:
        dump('shop', where(server, account), path)
    assert mariadb.PASSWORD not in str(caught.value)
    assert not path.exists()


def program(folder, text):
    path = folder / 'mariadb-dump'
    path.write_text(f'#!/bin/sh\n{text}\n')
    path.chmod(0o755)


ODD = url.Url('db', 3307, 'nova', 'a\\b"c #', 'nova')


@pytest.fixture
def double(tmp_path, monkeypatch):
    path = os.environ['PATH']
    monkeypatch.setenv('PATH', f'{tmp_path}:{path}')
    return tmp_path


def test_the_password_is_in_no_argument_and_no_environment(double):
    program(
        double,
        f'echo "$@" > {double}/args; env > {double}/env\n'
        f'cat "${{1#--defaults-file=}}" > {double}/file\n'
        'echo "-- Dump completed"',
    )
    dump('nova', ODD, double / 'x.sql')
    for name in ('args', 'env'):
        assert 'a\\b' not in (double / name).read_text()
    assert 'password="a\\\\b"c #"' in (double / 'file').read_text()
    argv = (double / 'args').read_text().split()
    assert '--single-transaction' in argv
    assert argv[-1] == 'nova'


@pytest.mark.parametrize(
    'text, problem',
    [
        ('echo "CREATE TABLE x"', 'does not come to its end'),
        ('echo no rights >&2; exit 2', 'ended with 2: no rights'),
    ],
)
def test_half_a_dump_is_none(double, text, problem):
    program(double, text)
    with pytest.raises(errors.DumpFailed, match=problem):
        dump('nova', ODD, double / 'x.sql')
    assert not (double / 'x.sql').exists()


def test_without_the_program_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(errors.DumpFailed) as caught:
        dump('nova', ODD, tmp_path / 'x.sql')
    assert 'mariadb-client' in caught.value.way_out


@pytest.mark.parametrize('database', ['', '--all-databases'])
def test_a_name_that_is_an_option_is_none(database, tmp_path):
    with pytest.raises(errors.DumpFailed, match='names no database'):
        dump('x', url.Url('', 0, 'u', 'p', database), pathlib.Path('x'))


def test_tls_and_sockets_are_passed_on():
    text = settings(
        'nova',
        url.parse(
            'nova',
            'mysql://u:p@/nova?unix_socket=/s&ssl_ca=/ca&ssl_check_hostname=1',
        ),
    )
    assert 'socket="/s"' in text
    assert 'ssl-ca="/ca"' in text
    found = text.split('\n')
    assert 'loose-ssl-verify-server-cert' in found
    assert 'loose-ssl-mode=VERIFY_IDENTITY' in found


@pytest.mark.parametrize(
    'options, line, there',
    [
        ('', 'loose-ssl-verify-server-cert=0', True),
        ('?ssl_ca=/ca', 'loose-ssl-verify-server-cert=0', False),
        ('?ssl_disabled=1', 'loose-ssl-mode=DISABLED', True),
    ],
)
def test_a_server_proves_no_more_than_to_us(options, line, there):
    where = url.parse('nova', f'mysql://u:p@h/nova{options}')
    assert (line in settings('nova', where).split('\n')) == there


def test_the_program_of_mysql_asks_mariadb_for_no_statistics():
    text = settings('nova', url.parse('nova', 'mysql://u:p@h/nova'))
    assert text.endswith('\n[mysqldump]\nloose-column-statistics=0\n')


def test_a_line_break_is_refused():
    with pytest.raises(errors.DumpFailed, match='line break'):
        settings('x', url.Url('h', 0, 'u', 'a\n[client]', 'd'))
