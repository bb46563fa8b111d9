# SPDX-License-Identifier: Apache-2.0
"""How this host is let in to volumes: what os-brick says of it.

nova has a command for that, which reads the same nova.conf as nova-compute
and runs as root (nova/cmd/manage.py, volume_attachment get_connector).
"""

import json
import os
from typing import Any, Callable, Dict, List, Optional

from osc_recover.agent import compute, containers, errors, run

PROGRAM = 'nova-manage'
_CONTAINER = 'nova_compute'  # as kolla calls it
_SECONDS = 60.0
# So many words of a command line may come before the program's options.
_LEADING = 4


def show(
    args: Dict[str, Any], tell: Callable[[Dict[str, Any]], None]
) -> Dict[str, Any]:
    """The connector of this host.

    :returns: ``connector``
    :raises Refused: when nova-manage is not there, or says something else
    """
    words = argv(compute.running())
    done = run.run(words, timeout=_SECONDS)
    if done.code:
        raise errors.Refused(
            'program-failed',
            f'{words[0]} ended with {done.code}: {_why(done)}',
            exit=done.code,
        )
    return {'connector': parse(done.text)}


def _why(done: run.Done) -> str:
    """What it says on stdout; its log is on stderr, or in a file."""
    return run.last_words(done.out) or done.words


def parse(text: str) -> Dict[str, Any]:
    """The connector in what nova-manage says, after warnings of its own.

    :raises Refused: when there is none
    """
    for line in reversed(text.splitlines()):
        found = _json(line)
        if found is not None:
            return found
    said = text.strip()[-200:]
    raise errors.Refused(
        'not-understood', f'{PROGRAM} get_connector says {said!r}'
    )


def argv(process: Optional[compute.Process]) -> List[str]:
    """How nova-manage is run: beside the nova-compute that runs, with its
    files; in its container; or as the host has it.
    """
    words = ['volume_attachment', 'get_connector', '--json']
    if process is None or not process.root:
        files = compute.files(process).paths if process else []
        options = [f'--config-file={path}' for path in files]
        return [_beside(process) or PROGRAM, *options, *words]
    engine = containers.engine()
    if engine is None:
        raise errors.Refused(
            'no-engine',
            'nova-compute runs in a container, and there is no docker and no '
            'podman',
        )
    # As root: os-brick reads what only root may.
    inside = [engine, 'exec', '--user', 'root', _CONTAINER]
    return [*inside, PROGRAM, *words]


def _beside(process: Optional[compute.Process]) -> str:
    for word in process.words[:_LEADING] if process else ():
        if os.path.isabs(word) and os.path.basename(word) == compute.PROGRAM:
            path = os.path.join(os.path.dirname(word), PROGRAM)
            return path if os.access(path, os.X_OK) else ''
    return ''


def _json(line: str) -> Optional[Dict[str, Any]]:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
