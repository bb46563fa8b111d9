# SPDX-License-Identifier: Apache-2.0
"""A whole cloud on loopback, from answers recorded in the practice cloud.

It had just evacuated s1 from cmp1 to cmp3; s1 was put back in the recording.
The answers of masakari, which that cloud lacks, are written by hand.
"""

import contextlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any

from tests.unit import keystone_double, service_double
from tests.unit.service_double import Answer, Request, Service

RECORDED = pathlib.Path(__file__).with_name('recorded') / 'cloud.json'
CATALOG = {
    'compute': '/compute/v2.1',
    'placement': '/placement',
    'network': '/network',
    'block-storage': '/volume/v3',
    'image': '/image',
    'instance-ha': '/ha/v1',
}


def recorded() -> dict[str, Any]:
    """Path to body; a test may change its copy."""
    found: dict[str, Any] = json.loads(RECORDED.read_text())
    return found


def answer(answers: dict[str, Any], request: Request) -> Answer:
    # nova links no pages of groups, so a second one is asked for.
    if request.query.get('offset', ['0']) != ['0']:
        return Answer(body={'server_groups': []})
    return service_double.by_path(answers)(request)


@contextlib.contextmanager
def cloud(
    answers: dict[str, Any], catalog: dict[str, str] = CATALOG
) -> Iterator[Service]:
    keystone = keystone_double.Keystone(
        lambda request: answer(answers, request), catalog
    )
    with service_double.serving(keystone) as service:
        keystone.url = service.url
        yield service
