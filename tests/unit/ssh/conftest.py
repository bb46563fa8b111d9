# SPDX-License-Identifier: Apache-2.0
"""A client's home without any keys, and a real sshd."""

import pytest

from tests.unit import sshd


@pytest.fixture(autouse=True)
def nobody(tmp_path, monkeypatch):
    """A home of its own, and no SSH agent."""
    home = tmp_path / 'home'
    (home / '.ssh').mkdir(parents=True)
    monkeypatch.setenv('HOME', str(home))
    monkeypatch.delenv('SSH_AUTH_SOCK', raising=False)
    return home


@pytest.fixture
def server(tmp_path):
    with sshd.running(tmp_path / 'sshd') as found:
        yield found
