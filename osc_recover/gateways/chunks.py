# SPDX-License-Identifier: Apache-2.0
"""Many IDs, few URLs that no proxy refuses."""

import itertools
from collections.abc import Iterable, Iterator

# With 36 characters an ID and up to 20 around it, a URL stays below 6 kB;
# many servers refuse more than 8.
AT_ONCE = 100


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """The distinct IDs, sorted, as many a piece as fit into one URL."""
    rest = iter(sorted(set(ids)))
    while piece := list(itertools.islice(rest, AT_ONCE)):
        yield piece
