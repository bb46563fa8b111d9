# SPDX-License-Identifier: Apache-2.0
"""What Ceph has locked, and whom it has shut out."""

import dataclasses

from osc_recover.facts.audit import Gap


@dataclasses.dataclass(frozen=True, slots=True)
class ImageLock:
    """A lock of an image: its id, and who holds it from where."""

    id: str
    locker: str
    address: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class ImageWatcher:
    """A client that has an image open; a lock names it the same way."""

    client: str
    address: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
    """An image, as pool/image."""

    name: str
    locks: tuple[ImageLock, ...] = ()
    watchers: tuple[ImageWatcher, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Blocked:
    """An entry of the blocklist: a client's address, or a range of them."""

    address: str
    until: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class CephSeen:
    """What hosts told of images; ``gaps`` say what nobody did."""

    images: tuple[Image, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def image(self, name: str) -> Image | None:
        """An image by its name, or None where nobody told of it."""
        return next((i for i in self.images if i.name == name), None)
