# SPDX-License-Identifier: Apache-2.0
"""Volumes that may be cleaned, and what is to hand for that.

What is not listed here is left as it is: cinder is at it itself, or its data
is of unknown worth (cinder/objects/fields.py, VolumeStatus).
"""

import dataclasses

# Only when it is asked for by its name: cinder could not export it.
BY_NAME = 'error'
_CLEANED = ('in-use', 'available', 'attaching', 'detaching', 'reserved')
# cinder/volume/api.py and objects/volume.py: none of these goes on.
_NO_MIGRATION = ('', 'none', 'success', 'error', 'deleting')
# Ways of ending an attachment: by itself, by a reset of the volume whose only
# one it is, and in cinder's database.
DELETE, RESET, DATABASE = 'delete', 'reset', 'database'


@dataclasses.dataclass(frozen=True, slots=True)
class Means:
    """What the configuration has, and nova is.

    ``token``: an account whose service token goes along to cinder.
    ``cinder`` and ``nova``: their databases may be asked.  ``newest`` is the
    newest microversion of nova, '' where it is not told.
    """

    token: bool = False
    cinder: bool = False
    nova: bool = False
    newest: str = ''


def may_be_cleaned(status: str, migration: str, named: bool = False) -> bool:
    """Whether attachments of a volume that is so may be ended.

    :param migration: cinder's migration_status
    :param named: whether the operator has named the volume
    """
    fine = status in _CLEANED or (named and status == BY_NAME)
    return fine and migration in _NO_MIGRATION
