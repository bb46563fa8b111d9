# SPDX-License-Identifier: Apache-2.0
"""Names that an operator gave, and those that nova knows."""

import difflib
from collections.abc import Iterable, Sequence

from osc_recover import errors


def check_hosts(hosts: Iterable[str], known: Sequence[str]) -> None:
    """See that nova knows compute hosts.

    :raises errors.UnknownHost: for the first that it does not, with the
        nearest names
    """
    for host in hosts:
        if host not in known:
            near = difflib.get_close_matches(host, known, cutoff=0.4)
            raise errors.UnknownHost(host, tuple(near))
