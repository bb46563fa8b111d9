# SPDX-License-Identifier: Apache-2.0
"""Cell mappings that are templates, filled in as nova does it."""

import pytest

from osc_recover.gateways.database import templates

LOCAL = 'mysql+pymysql://nova:p%40ss@DB1:3307/nova_cell0?charset=utf8'


# (template, local, what nova makes of them)
CASES = [
    (
        '{scheme}://{username}:{password}@{hostname}:{port}/nova?{query}',
        LOCAL,
        # Still encoded, the host in lower case.
        'mysql+pymysql://nova:p%40ss@db1:3307/nova?charset=utf8',
    ),
    (
        'mysql://{username}@{hostname}:{port}/{path}?{query}',
        'mysql://nova@db/nova',
        'mysql://nova@db:None/nova?',
    ),
    (
        'mysql://{username2}:{password2}@{hostname2}:{port2}/x{fragment}',
        'mysql://a:b@h1:1,c:d@[::1]:2/nova',
        'mysql://c:d@::1:2/x',
    ),
    ('mysql://{username1}:{password1}/x', 'mysql://a@h1,h2/n',
     'mysql://a:None/x'),
    # What cannot be filled in stays as it is.
    ('mysql://u:{@db/x', LOCAL, 'mysql://u:{@db/x'),
    ('mysql://u:{word}@db/x', LOCAL, 'mysql://u:{word}@db/x'),
    ('mysql://u:{0}@db/x', LOCAL, 'mysql://u:{0}@db/x'),
    ('{scheme}://{hostname}', 'mysql://u:p@db:x/y', '{scheme}://{hostname}'),
    ('mysql://u:{{}}@db/x', LOCAL, 'mysql://u:{}@db/x'),
]  # fmt: skip


@pytest.mark.parametrize('template, local, expected', CASES)
def test_a_template_is_filled_in_as_nova_does_it(template, local, expected):
    # tests/functional/test_databases.py gives each of these to nova itself.
    assert templates.filled(template, local) == expected


def test_only_what_has_a_brace_is_a_template():
    assert templates.is_template('mysql://{username}@db/x')
    assert not templates.is_template('mysql://u@db/x')
