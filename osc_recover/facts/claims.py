# SPDX-License-Identifier: Apache-2.0
"""What a server holds in placement, cinder and neutron, to be rewritten."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from osc_recover.facts.cloud import Resources


@dataclasses.dataclass(frozen=True, slots=True)
class Holdings:
    """All that a consumer holds, as placement wants it back.

    ``resources`` maps each provider to what is held of it.  ``generation``
    grows with every change; None says that there is no such consumer.
    """

    consumer: str
    resources: Mapping[str, Resources] = dataclasses.field(
        default_factory=dict
    )
    project: str = ''
    user: str = ''
    generation: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class VolumeAttachment:
    """An attachment by itself, with how its host connects to the volume.

    ``status`` is reserved, attaching, attached, detached or an error.
    ``connection`` may hold passwords of the storage: it is in no repr, and
    belongs in no journal.
    """

    id: str
    volume: str
    server: str
    status: str
    mode: str = ''
    attached_at: str = ''
    detached_at: str = ''
    connection: Mapping[str, Any] = dataclasses.field(
        default_factory=dict, repr=False
    )

    @property
    def driver(self) -> str:
        """Which sort of connection it is, such as iscsi; '' for none yet."""
        return str(self.connection.get('driver_volume_type', ''))


@dataclasses.dataclass(frozen=True, slots=True)
class BoundPort:
    """A port and its binding; ``revision`` grows with every change.

    ``profile`` has the names of what its binding:profile holds.
    """

    id: str
    server: str
    host: str
    vif_type: str
    vnic_type: str
    owner: str
    revision: int
    profile: tuple[str, ...] = ()

    @property
    def bound(self) -> bool:
        """Whether neutron found a way to wire it on its host."""
        return self.vif_type not in ('', 'unbound', 'binding_failed')


@dataclasses.dataclass(frozen=True, slots=True)
class Binding:
    """One of the bindings of a port; a live migration makes a second one."""

    host: str
    active: bool
    vif_type: str = ''
