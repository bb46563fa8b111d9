# SPDX-License-Identifier: Apache-2.0
"""recover setup check: before the bad night."""

import argparse
from collections.abc import Sequence
from typing import Any

from osc_recover import errors
from osc_recover.commands import base

# Code of an error that ends the check -> the row that it breaks.
_CHECKS = {'auth-failed': 'token', 'bad-settings': 'settings'}


class CheckSetup(base.Lister):
    """Check that everything is there that a recovery needs

    Tries the token, the APIs and the rights, the journal, the fence devices,
    the hosts over SSH and the databases; changes nothing.  Exits 0 when
    nothing is broken.

    Example::

      openstack recover setup check
    """

    columns = ('Check', 'State', 'Detail', 'Fix')

    def rows(self, parsed_args: argparse.Namespace) -> base.Rows:
        """One row a thing."""
        for probe in self.recover.probes():
            if probe.state == 'broken':
                self.status = errors.FAILED
            yield base.values(probe)

    def error_row(
        self, exc: errors.RecoverError, parsed_args: argparse.Namespace
    ) -> Sequence[Any]:
        """What keeps everything else from being tried."""
        self.status = errors.FAILED
        check = _CHECKS.get(exc.code, exc.code)
        return (check, 'broken', exc.sentence, exc.way_out)
