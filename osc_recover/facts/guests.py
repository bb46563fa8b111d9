# SPDX-License-Identifier: Apache-2.0
"""What guests tell of themselves."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class GuestBoot:
    """The boot of a guest: the kernel's name for it, and its age in seconds.

    ``up_for`` is None where the guest does not tell.
    """

    id: str
    up_for: int | None = None
