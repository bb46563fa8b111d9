# SPDX-License-Identifier: Apache-2.0
"""In what two moves of twins may differ, and where it is shown to be so."""

from tests.oracle.allowed import Allowed

# Two evacuations by nova.
TWICE: tuple[Allowed, ...] = ()

# An evacuation by nova, and a move in the database: before the failed host
# is back, and after.
MOVED: tuple[Allowed, ...] = ()
RETURNED: tuple[Allowed, ...] = ()
