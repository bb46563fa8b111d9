# SPDX-License-Identifier: Apache-2.0
"""The one password of a cloud that only listens on loopback."""

from __future__ import annotations

import base64
import hashlib

PASSWORD = 'practice'


def fernet_key(purpose: str) -> str:
    """A key that is the same in every practice cloud; nothing to protect."""
    seed = hashlib.sha256(f'{PASSWORD}:{purpose}'.encode()).digest()
    return base64.urlsafe_b64encode(seed).decode()
