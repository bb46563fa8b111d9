# SPDX-License-Identifier: Apache-2.0
"""What the bed raises on purpose."""

from __future__ import annotations

from tests.cloud import errors


class BedError(errors.CloudError):
    """The bed cannot do what was asked; the text says why."""
