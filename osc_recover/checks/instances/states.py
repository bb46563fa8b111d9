# SPDX-License-Identifier: Apache-2.0
"""The states of servers in nova's database: what they are, and may become.

The words are those of nova/objects/fields.py (InstanceState,
InstanceTaskState, InstancePowerState); what nova does to a server because of
them is in nova/compute/manager.py (_init_instance,
_sync_instance_power_state, _reclaim_queued_deletes and other periodic tasks).
Pure.
"""

from collections.abc import Mapping

from osc_recover import errors

NONE = 'none'

POWER_STATES: Mapping[int, str] = {
    0: 'NOSTATE',
    1: 'RUNNING',
    3: 'PAUSED',
    4: 'SHUTDOWN',
    6: 'CRASHED',
    7: 'SUSPENDED',
}
# What the hypervisor says of a guest that does not run.
OFF = (0, 4, 6)

# What os-resetState can set.
BY_API = ('active', 'error')
SETTABLE = ('active', 'stopped', 'paused', 'suspended', 'error')

# vm_states that are not set here, and what nova would do; the way out.
_LOSING: Mapping[str, tuple[str, str]] = {
    'deleted': (
        'nova-compute would complete the deletion when it starts '
        '(_init_instance): guest and disks are destroyed',
        'openstack server delete deletes a server',
    ),
    'soft-delete': (
        'where reclaim_instance_interval is set, nova-compute would destroy '
        'guest and disks at once, as the row has no deleted_at '
        '(_reclaim_queued_deletes)',
        'openstack server delete deletes a server',
    ),
    'shelved': (
        'nova-compute would take the guest for saved and remove it from its '
        'host with its disks (_poll_shelved_instances), and there is no '
        'image of it',
        'openstack server shelve makes the image first',
    ),
    'shelved_offloaded': (
        'nova would take it for saved, forget its host, and start it '
        'elsewhere from an image that is not there: its disks are lost',
        'openstack server shelve makes the image first',
    ),
    'building': (
        'the API would wait for a build that nobody does, and nova-compute '
        'sets such a server to error when it starts (_init_instance)',
        'use --vm-state error',
    ),
    'resized': (
        'a confirm or a revert of a resize that never was destroys one of '
        'its two copies, and there is one only',
        'openstack server resize makes both',
    ),
    'rescued': (
        'an unrescue would start it from a disk that is not there, and '
        'rescue_timeout has nova do that by itself',
        'openstack server rescue makes that disk',
    ),
}

# vm_states that a server is not taken out of here.
_KEPT: Mapping[str, tuple[str, str]] = {
    'deleted': (
        'it is deleted, or on its way',
        'let nova-compute of its host end that',
    ),
    'soft-delete': (
        'it is deleted, and can be restored',
        'openstack server restore brings it back',
    ),
    'shelved': (
        'its disks may be in an image only',
        'openstack server unshelve brings it back',
    ),
    'shelved_offloaded': (
        'it is on no host, and its disks are in an image',
        'openstack server unshelve brings it back',
    ),
    'resized': (
        'it has two copies, one on each of two hosts, and nova would forget '
        'one of them',
        'openstack server resize confirm (or revert) ends that',
    ),
}

# Words of the guide's time, and of the API's status.
_OLD: Mapping[str, tuple[str, str]] = {
    'shutoff': (
        'is what vm_state was called in 2012, and what the API calls the '
        'status of a stopped server',
        'stopped',
    ),
    'running': ('is a power state', 'active'),
    'shutdown': ('is a power state', 'stopped'),
}

TASKS = (
    'scheduling', 'block_device_mapping', 'networking', 'spawning',
    'image_snapshot', 'image_snapshot_pending', 'image_pending_upload',
    'image_uploading', 'image_backup', 'updating_password', 'resize_prep',
    'resize_migrating', 'resize_migrated', 'resize_finish',
    'resize_reverting', 'resize_confirming', 'rebooting', 'reboot_pending',
    'reboot_started', 'rebooting_hard', 'reboot_pending_hard',
    'reboot_started_hard', 'pausing', 'unpausing', 'suspending', 'resuming',
    'powering-off', 'powering-on', 'rescuing', 'unrescuing', 'rebuilding',
    'rebuild_block_device_mapping', 'rebuild_spawning', 'migrating',
    'deleting', 'soft-deleting', 'restoring', 'shelving',
    'shelving_image_pending_upload', 'shelving_image_uploading',
    'shelving_offloading', 'unshelving',
)  # fmt: skip

# Tasks that nova-compute carries on with when it starts, and what that is.
_CARRIED_ON: Mapping[str, str] = {
    'deleting': 'nova-compute would delete it when it starts',
    'soft-deleting': 'the API would let nobody restore it',
    'resize_migrating': (
        'nova-compute would revert a resize that never was when it starts'
    ),
    'migrating': (
        'nova-compute would roll a live migration back that never was'
    ),
    'shelving_offloading': (
        'what goes on with it removes the guest with its disks'
    ),
    'powering-off': 'nova-compute would stop it when it starts',
    'powering-on': 'nova-compute would start it when it starts',
    **dict.fromkeys(
        ('rebooting', 'reboot_pending', 'reboot_started'),
        'nova-compute would reboot it when it starts',
    ),
    **dict.fromkeys(
        ('rebooting_hard', 'reboot_pending_hard', 'reboot_started_hard'),
        'nova-compute would reboot it hard when it starts',
    ),
}


def power_word(number: int | None) -> str:
    """What a power state is called; empty for NULL.

    >>> power_word(4), power_word(5)
    ('SHUTDOWN', 'not a power state of today')
    """
    if number is None:
        return ''
    return POWER_STATES.get(number, 'not a power state of today')


def vm_state(text: str) -> str:
    """A vm_state that may be set.

    :raises errors.Refused: for all others, and why
    """
    word = text.strip().lower()
    if word in SETTABLE:
        return word
    if word in _LOSING:
        why, way_out = _LOSING[word]
        raise _refused(f'--vm-state {word}: {why}', way_out, 'losing-state')
    if word in _OLD:
        what, today = _OLD[word]
        raise _refused(
            f'--vm-state {word}: {word} {what}, and no vm_state of nova today',
            f'use --vm-state {today}',
            'old-value',
        )
    raise _refused(
        f'--vm-state {text!r}: nova has no such vm_state',
        f'use one of {", ".join(SETTABLE)}',
        'unknown-value',
    )


def power_state(text: str) -> int:
    """A power state, given as its number or its word.

    :raises errors.Refused: for what is none today
    """
    word = text.strip().upper()
    words = {name: number for number, name in POWER_STATES.items()}
    known = ', '.join(
        f'{number} ({name})' for number, name in POWER_STATES.items()
    )
    numbers = {str(number): number for number in POWER_STATES}
    if word in words or word in numbers:
        return words[word] if word in words else numbers[word]
    if word in ('2', '5', 'SHUTOFF'):
        raise _refused(
            f'--power-state {text}: it is no power state of nova today; 5 '
            'was SHUTOFF in 2012 (and 2 BLOCKED), as in the numbers of '
            'libvirt, and a guest that is off is 4 (SHUTDOWN) now',
            'use --power-state 4',
            'old-value',
        )
    raise _refused(
        f'--power-state {text!r}: nova has no such power state',
        f'use one of {known}',
        'unknown-value',
    )


def task_state(text: str) -> str:
    """The one task state that may be set: none.

    :raises errors.Refused: for all others, and why
    """
    word = text.strip().lower()
    if word in (NONE, 'null'):
        return NONE
    if word in TASKS:
        carried = _CARRIED_ON.get(
            word, 'nobody is at that task, and nova would wait for its end'
        )
        raise _refused(
            f'--task-state {word}: {carried}',
            'use --task-state none, then ask nova for what you want done',
            'losing-state',
        )
    raise _refused(
        f'--task-state {text!r}: nova has no such task state',
        'use --task-state none',
        'unknown-value',
    )


def leaving(state: str) -> tuple[str, str] | None:
    """Why a server is not taken out of a vm_state here, and the way out."""
    return _KEPT.get(state)


def _refused(reason: str, way_out: str, code: str) -> errors.Refused:
    return errors.Refused(reason, way_out, code)
