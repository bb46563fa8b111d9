# SPDX-License-Identifier: Apache-2.0
"""Knobs that tests turn: JSON files, read anew at each call."""

from __future__ import annotations

import pathlib
from typing import Any

from tests.cloud import files


def get(folder: pathlib.Path, name: str, default: Any) -> Any:
    return files.read(folder / 'knobs.json', {}).get(name, default)


def fails(folder: pathlib.Path, name: str, *whom: str) -> bool:
    """Whether this call is to fail: true, a count left, or a list of whom."""
    knob = get(folder, name, False)
    if isinstance(knob, bool):
        return knob
    if isinstance(knob, list):
        return bool({*whom} & {*knob})
    return _count_down(folder, name)


def _count_down(folder: pathlib.Path, name: str) -> bool:
    failed = []

    def change(knobs: dict[str, Any]) -> None:
        left = knobs.get(name, 0)
        if left > 0:
            knobs[name] = left - 1
            failed.append(name)

    files.update(folder / 'knobs.json', {}, change)
    return bool(failed)
