# SPDX-License-Identifier: Apache-2.0
"""The practice cloud that the functional tests share."""

import pytest

from tests.cloud import lab


def pytest_collection_modifyitems(items):
    """Modules that share the bed are run one after the other, as the last.

    Those that take it down come after them.
    """
    late = {}
    for item in items:
        for turn, name in enumerate(('joined_bed', 'without_bed'), 1):
            if name in getattr(item, 'fixturenames', ()):
                late[item.path] = max(turn, late.get(item.path, 0))
    items.sort(key=lambda item: late.get(item.path, 0))


@pytest.fixture(scope='session', autouse=True)
def quick_commands(tmp_path_factory):
    """Commands of ours need not be imported each time."""
    from tests import practice as lib
    from tests.functional.quick import Client

    client = Client(tmp_path_factory.mktemp('client'))
    with lib.commands_run_by(client.run):
        yield
    client.end()


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


class JoinedBed:
    """SSH hosts that run the nova-compute of cmp1 …, for several modules.

    What a module leaves on them is what the next one finds, so it undoes what
    it did, or says that a host is ``spoiled``.
    """

    def __init__(self):
        self.spoiled = set()

    def up(self, count, *, spoiled=False):
        """The first hosts, by name.

        :param spoiled: whether those will do that are not as they were made
        """
        from tests.hosts import bed

        found = {host.name: host for host in bed.up(count, joined=True)}
        wrong = set() if spoiled else self.spoiled.intersection(found)
        for name in sorted(wrong):
            bed.reset(name)
            self.spoiled.remove(name)
        return found


@pytest.fixture(scope='session')
def joined_bed(practice):
    """The bed of this machine; one that is up goes down first."""
    from tests.hosts import bed

    if lack := bed.lacks():
        pytest.skip(lack)
    bed.down()
    yield JoinedBed()
    bed.down()


@pytest.fixture(scope='module')
def hosts(joined_bed):
    """Two SSH hosts that run the nova-compute of cmp1 and cmp2, by name."""
    return joined_bed.up(2)


@pytest.fixture(scope='module')
def renumbered(joined_bed):
    """The two; the accounts of the second do not stay as they are."""
    from tests.functional.renumbered import TWO, give_back

    give_back()
    yield joined_bed.up(2, spoiled=True)
    joined_bed.spoiled.add(TWO)
    give_back()


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
