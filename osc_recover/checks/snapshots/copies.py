# SPDX-License-Identifier: Apache-2.0
"""Which volumes nothing is kept of.  Pure.

The guide has backups as mandatory, whatever protects the storage
(OpenStack Compute administration guide, recover cloud after disaster).
"""

from collections.abc import Collection

from osc_recover.facts.snapshot import KeptVolume, Snapshot

REMEDY = 'openstack volume backup create --force VOLUME'
_SOME = 5


def without_backup(
    what: Snapshot, of: Collection[str] | None = None
) -> list[KeptVolume]:
    """The volumes that no usable backup is of; none, if that is not known.

    :param of: IDs of the volumes that matter; None: all
    """
    if not (what.knows('volumes') and what.knows('backups')):
        return []
    saved = {copy.volume for copy in what.copies if copy.kind == 'backup'}
    matter = what.volumes
    if of is not None:
        matter = tuple(volume for volume in matter if volume.id in of)
    return [volume for volume in matter if volume.id not in saved]


def mandatory(bare: Collection[KeptVolume]) -> str:
    """That these volumes have no backup, in words, with some names."""
    names = [volume.name or volume.id for volume in bare]
    more = f' and {len(names) - _SOME} more' if len(names) > _SOME else ''
    return f'backups are mandatory: {", ".join(names[:_SOME])}{more}'
