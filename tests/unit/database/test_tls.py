# SPDX-License-Identifier: Apache-2.0
"""TLS to a real server, as a URL asks for it."""

import pytest

from osc_recover import errors
from tests import certificates
from tests.unit.database.conftest import at

CIPHER = "SHOW STATUS LIKE 'Ssl_cipher'"


@pytest.fixture
def account(server):
    """One that is let in by TLS only."""
    account = server.account('safe', 'SELECT ON shop.*')
    server.admin('ALTER USER safe@`%` REQUIRE SSL')
    return account


def test_a_certificate_of_the_authority_is_taken(server, account):
    url = server.url(account, 'shop', ssl_ca=f'{server.folder}/tls/ca.pem')
    [row] = at(url).read(CIPHER)
    assert row['Value']


def test_a_certificate_of_another_authority_is_not(server, account, tmp_path):
    other = certificates.make(tmp_path, '127.0.0.1')
    with pytest.raises(errors.DatabaseUnreachable, match='CERTIFICATE'):
        at(server.url(account, 'shop', ssl_ca=other / 'ca.pem')).read(CIPHER)


def other_name(server, account, **more):
    more['ssl_ca'] = f'{server.folder}/tls/ca.pem'
    url = server.url(account, 'shop', **more)
    return url.replace('127.0.0.1', '127.0.0.2')


def test_a_certificate_of_another_server_is_not(server, account):
    with pytest.raises(errors.DatabaseUnreachable, match=r'127\.0\.0\.2'):
        at(other_name(server, account)).read(CIPHER)


@pytest.mark.parametrize(
    'more',
    [{'ssl_check_hostname': 'false'}, {'ssl_check_hostname': 'false',
                                       'ssl_verify_cert': 'true'}],
)  # fmt: skip
def test_the_name_is_not_compared_where_the_url_says_so(server, account, more):
    [row] = at(other_name(server, account, **more)).read(CIPHER)
    assert row['Value']


def test_an_authority_counts_beside_the_demand_to_verify(
    server, account, tmp_path
):
    # PyMySQL, given both as SQLAlchemy gives them, forgets the authority.
    mine = f'{server.folder}/tls/ca.pem'
    for more in ({'ssl_verify_cert': 'true'}, {'ssl_verify_identity': 'true'}):
        [row] = at(server.url(account, 'shop', ssl_ca=mine, **more)).read(
            CIPHER
        )
        assert row['Value']
    other = certificates.make(tmp_path, '127.0.0.1') / 'ca.pem'
    with pytest.raises(errors.DatabaseUnreachable):
        at(
            server.url(account, 'shop', ssl_ca=other, ssl_verify_cert='true')
        ).read(CIPHER)


def test_without_tls_such_an_account_is_not_let_in(server, account):
    with pytest.raises(errors.DatabaseLogin):
        at(server.url(account, 'shop', ssl_disabled='true')).read(CIPHER)
