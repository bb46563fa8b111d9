# SPDX-License-Identifier: Apache-2.0
"""What ``findmnt --verify`` (util-linux 2.30 and newer) says of an fstab."""

import re
from typing import List

from osc_recover.agent import errors, run

_ERROR = re.compile(r'\s+\[E\] (.*)')
_UNREAD = re.compile(r'findmnt: .*: (parse error) at line [0-9]+')
_END = re.compile(r'[0-9]+ parse errors?, [0-9]+ errors?, [0-9]+ warnings?')


def problems(path: str) -> List[str]:
    """The errors in a file, each with the point that it is about.

    :raises Refused: when findmnt does not verify, or nobody understands it
    """
    done = run.run(
        ['findmnt', '--verify', '--tab-file', path],
        timeout=60.0,
        expect=[0, 1],
    )
    said = done.text + '\n' + done.err.decode('utf-8', 'surrogateescape')
    return parse(said)


def parse(said: str) -> List[str]:
    """The errors in what it says on both of its channels.

    :raises Refused: when it does not come to its end
    """
    found: List[str] = []
    point, ended = '', False
    for line in said.split('\n'):
        error, unread = _ERROR.fullmatch(line), _UNREAD.match(line)
        if error:
            found.append(f'{point}: {error.group(1)}')
        elif unread:
            found.append('a line is not understood')
        elif line.startswith('/') or line.strip() in ('none', 'swap'):
            point = line.strip()
        ended = ended or bool(
            _END.fullmatch(line) or line.startswith('Success, no errors')
        )
    if not ended:
        raise errors.Refused(
            'not-understood', f'findmnt --verify says {said[:300]!r}'
        )
    return found
