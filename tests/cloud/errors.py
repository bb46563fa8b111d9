# SPDX-License-Identifier: Apache-2.0
"""What the launcher raises on purpose."""

from __future__ import annotations


class CloudError(Exception):
    """The practice cloud cannot do what was asked; the text says why."""
