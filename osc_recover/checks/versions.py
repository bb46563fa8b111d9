# SPDX-License-Identifier: Apache-2.0
"""Which compute microversion an evacuation is asked for with.

Up to 2.94 nova restores the state that a server had; from 2.95 it leaves the
server stopped.  Below 2.68 'force' is still there, and so another API
(nova/api/openstack/compute/schemas/evacuate.py).
"""

OLDEST, RESTORES, STOPS = '2.68', '2.94', '2.95'


def number(text: str) -> tuple[int, ...]:
    """A microversion that compares as a number: 2.100 is newer than 2.68.

    >>> number('2.100') > number('2.68')
    True
    """
    return tuple(int(part) for part in text.split('.'))


def at_least(version: str, wanted: str) -> bool:
    """Whether a version is the wanted one or newer."""
    return number(version) >= number(wanted)


def for_evacuation(newest: str, leave_stopped: bool) -> str:
    """The microversion to ask with, given the newest that nova speaks.

    The checks 'old-nova' and 'leave-stopped' have refused what is too old.
    """
    if leave_stopped:
        return STOPS
    return min(RESTORES, newest, key=number)
