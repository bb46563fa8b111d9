# SPDX-License-Identifier: Apache-2.0
"""cinder-volume is awaited; the storage services are a list that changes."""

import itertools

import pytest

from osc_recover import errors
from osc_recover.effects import Control
from osc_recover.facts.audit import StorageService
from osc_recover.operations.volume_server import Seen
from osc_recover.plan import Step


class Quick(Control):
    def wait(self, seconds):
        pass


def services(beats):
    """The backend lvm with a new heartbeat each time; old has none."""
    return (
        StorageService('san@lvm', updated_at=str(next(beats))),
        StorageService('san@old', up=False, updated_at='long ago'),
    )


def follow(args):
    beats, time = itertools.count(), itertools.count()
    seen = Seen(lambda: services(beats), timeout=9, clock=lambda: next(time))
    return seen.follow(Step('seen:san', 'storage.seen', 'san', args), Quick())


def test_only_the_backends_that_are_awaited_are():
    assert follow({'backends': ['san@lvm']}).note


@pytest.mark.parametrize('args', [{}, {'backends': ['san@lvm', 'san@old']}])
def test_a_backend_that_stays_down_is_named(args):
    with pytest.raises(errors.StepFailed, match='does not see san@old up'):
        follow(args)
