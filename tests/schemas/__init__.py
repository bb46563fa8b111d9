# SPDX-License-Identifier: Apache-2.0
"""nova's schemas as its releases made them, kept as SQL.

``<release>/nova.sql`` is a cell's and ``<release>/nova_api.sql`` the API's.
``python -m tests.schemas make <release>`` makes them anew.
"""

import pathlib

HERE = pathlib.Path(__file__).parent
RELEASES = ('26', '28', '30', '34')
KINDS = ('nova', 'nova_api')


def path(release: str, kind: str) -> pathlib.Path:
    """The file of a schema."""
    return HERE / release / f'{kind}.sql'
