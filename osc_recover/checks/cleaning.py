# SPDX-License-Identifier: Apache-2.0
"""Which attachments may be ended while nobody is at them, and how.  Pure."""

from collections.abc import Collection, Sequence

from osc_recover.checks.versions import at_least
from osc_recover.facts.cleaning import (
    BY_NAME,
    DATABASE,
    DELETE,
    RESET,
    Means,
    may_be_cleaned,
)
from osc_recover.facts.snapshot import KeptAttachment, KeptVolume

_HELD = ('attached', 'attaching')
_WORDS = {
    DELETE: 'attachments deleted through cinder',
    RESET: 'the only attachment, by a reset',
    DATABASE: "one attachment of several, in cinder's database",
}
# The newest of nova 27 and 28 is 2.95, and 28 is the first whose reboot drops
# mappings that cinder does not know.
_DROPS = '2.96'


def kept_from(
    volume: KeptVolume,
    held: Sequence[KeptAttachment],
    named: bool = False,
) -> str:
    """Why a volume is not cleaned, in words, or ''.

    :param held: its attachments in cinder
    :param named: whether the operator has named it
    """
    status, migration = volume.status, volume.migration_status
    if not may_be_cleaned(status, migration, named):
        if may_be_cleaned('in-use', migration):
            return f'is {status}'
        return f'is being migrated ({migration})'
    if status == BY_NAME and not any(one.status in _HELD for one in held):
        return f'is {status}, and not attached'
    return ''


def way(means: Means, held: Sequence[KeptAttachment], *, in_nova: bool) -> str:
    """How an attachment of a volume is ended, or '' where nothing can.

    Without a service token cinder deletes only what nova does not use
    (cinder/volume/api.py, attachment_deletion_allowed); a reset takes all
    attachments away (cinder/api/contrib/admin_actions.py, _reset_status).

    :param held: all attachments of the volume in cinder
    :param in_nova: whether nova names this one
    """
    if means.token or not in_nova:
        return DELETE
    if len(held) == 1:
        return RESET
    return DATABASE if means.cinder else ''


def drops_by_itself(means: Means) -> bool:
    """Whether a reboot drops mappings whose attachments are gone.

    From nova 28 (nova/compute/manager.py, _delete_dangling_bdms); a release
    that may be older is taken for one.
    """
    return bool(means.newest) and at_least(means.newest, _DROPS)


def in_words(ways: Collection[str]) -> str:
    """How attachments are ended, each way once."""
    return ', '.join(_WORDS[one] for one in _WORDS if one in ways)
