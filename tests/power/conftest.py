# SPDX-License-Identifier: Apache-2.0
"""A fuse in every write to a service and to the journal."""

import itertools

import pytest

from osc_recover.gateways.api import Api
from tests.power.world import Fuse, FusedJournal


@pytest.fixture
def folder(tmp_path):
    """A new folder at each call."""
    numbers = itertools.count()

    def made():
        new = tmp_path / str(next(numbers))
        new.mkdir()
        return new

    return made


@pytest.fixture
def fuse(monkeypatch):
    """Puts in a fuse, which blows before or after a write."""
    holder = [Fuse()]

    def write(self, *args, **how):
        holder[0]()
        reply = Api_write(self, *args, **how)
        holder[0]()
        return reply

    Api_write = Api.write
    monkeypatch.setattr(Api, 'write', write)
    monkeypatch.setattr(
        FusedJournal, 'fuse', staticmethod(lambda: holder[0]())
    )

    def changed(new):
        holder[0] = new
        return new

    yield changed
    holder[0] = Fuse()
