# SPDX-License-Identifier: Apache-2.0
"""The practice cloud that the functional tests share."""

import pytest

from tests.cloud import lab


@pytest.fixture(scope='session')
def practice():
    """The practice cloud, as an admin uses it."""
    if not lab.clouds_yaml().exists() or not lab.running('nova-api'):
        pytest.skip('the practice cloud is not up: python -m tests.cloud up')
    from tests.practice import Practice

    return Practice()


@pytest.fixture(scope='module')
def clean(practice):
    """Every host healthy, no servers, no knobs turned; before and after."""
    _clean(practice)
    yield practice
    _clean(practice)


@pytest.fixture(scope='module')
def hosts(practice):
    """Two SSH hosts that run the nova-compute of cmp1 and cmp2, by name."""
    from tests.hosts import bed

    if lack := bed.lacks():
        pytest.skip(lack)
    bed.down()
    yield {host.name: host for host in bed.up(2, joined=True)}
    bed.down()


@pytest.fixture
def clouds(tmp_path):
    """A clouds.yaml with our section, its journal in a folder of its own."""
    from tests.practice import write_clouds

    return write_clouds(tmp_path)


def _clean(practice):
    lab.reset_knobs()
    for host in lab.HOSTS:
        practice.heal(host)
    practice.delete_all()
