# SPDX-License-Identifier: Apache-2.0
"""The mark that a run leaves in the disabled reason of a nova service.

It tells every other run, on whatever machine, that the host is taken, and it
keeps the reason that stood there before, so that it can be put back.
"""

import re

LIMIT = 255  # nova/api/openstack/compute/schemas/services.py
_MARK = re.compile(r'osc-recover run (\S+)(?: \| was: (.*))?', re.DOTALL)


def marker(run: str, former: str = '') -> str:
    """The disabled reason that says that ``run`` has taken the host.

    A mark within ``former`` is dropped and only what it kept is kept.

    >>> marker('7f3a', 'bad fan')
    'osc-recover run 7f3a | was: bad fan'
    """
    text = f'osc-recover run {run}'
    if kept := former_in(former):
        text += f' | was: {kept}'
    return text if len(text) <= LIMIT else text[: LIMIT - 1] + '…'


def run_in(reason: str) -> str:
    """The run whose mark a disabled reason is, or ''.

    >>> run_in('osc-recover run 7f3a | was: bad fan')
    '7f3a'
    """
    found = _MARK.fullmatch(reason)
    return found[1] if found else ''


def former_in(reason: str) -> str:
    """The reason without our mark, or '' when there was none.

    >>> former_in('osc-recover run 7f3a | was: bad fan'), former_in('bad fan')
    ('bad fan', 'bad fan')
    """
    found = _MARK.fullmatch(reason)
    return (found[2] or '') if found else reason
