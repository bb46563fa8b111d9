# SPDX-License-Identifier: Apache-2.0
"""A power loss on nova 26, recovered in either mode."""

from __future__ import annotations

import collections
import pathlib
import tempfile
from typing import Any

from tests import practice
from tests.functional import powerless
from tests.functional.losing import Servers
from tests.zed import demo, hosts, where

HOST, OTHER = where.HOSTS[:2]
# Volumes by server: ID, device, tag, attachment, in their order.
Given = dict[str, list[tuple[str, str, str, str]]]
# How each is recovered: its words, and who may end attachments.
WAYS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    'reconcile': ((), {}),
    'clean, with a service token': (
        ('--mode', 'clean'),
        {'service_auth': practice.SERVICE},
    ),
    'clean, without one': (('--mode', 'clean'), {}),
}


def run() -> int:
    """Boot, and for each way: lose the power, recover, prove.

    :raises AssertionError: when something is not as it must be
    """
    if lack := powerless.lacks():
        demo.say(lack)
        return 1
    cloud = demo.Zed()
    demo.clean(cloud)
    with tempfile.TemporaryDirectory(prefix='osc-recover-zed-') as name:
        folder = pathlib.Path(name)
        names = [*where.HOSTS, 'practice']
        with powerless.machines(
            folder / 'hosts', names, revive=hosts.revive
        ) as machines:
            servers = Servers(cloud, folder, machines)
            _boot(servers)
            for way in WAYS:
                _story(servers, way)
    demo.clean(cloud)
    return 0


def _boot(servers: Servers) -> None:
    demo.say('servers of several kinds on two hosts')
    servers.boot(HOST, 'web')
    servers.boot(HOST, 'db', 'off', data=2)
    servers.boot(HOST, 'root', volume=True, data=1)
    servers.boot(OTHER, 'far', data=1)
    servers.stop('off')


def _story(servers: Servers, way: str) -> None:
    words, more = WAYS[way]
    urls = demo.database_urls()
    clouds = servers.with_section(**more, database=urls)
    servers.save()
    before, starts = given(servers), servers.starts()
    demo.say(f'{HOST} and {OTHER} lose their power, and have it back: {way}')
    servers.lose(HOST, OTHER)
    assert not servers.power()
    servers.power_up(HOST, OTHER)
    done = servers.run(*words, '--yes', clouds=clouds)
    for row in done.rows:
        print(f'{row["Name"]:14}{row["Verdict"]:10}{row["State"]:12}'
              f'{row["Reason"]}')  # fmt: skip
    assert done.status == 0, done
    assert servers.power() == servers.ran
    assert servers.starts() - starts == collections.Counter(servers.ran)
    _same(before, given(servers), anew=bool(words))
    demo.say('each runs that ran, started once; volumes as they were')
    # cinder is not the region's alone.
    check = servers.recover('volume', 'check', clouds=clouds)
    wrong = [r for r in check.rows if r['Servers'] in servers.ids.values()]
    assert not wrong, wrong


def given(servers: Servers) -> Given:
    """What nova has attached, as its API tells."""
    return {
        name: [
            (one['volumeId'], one['device'], one['tag'], one['attachment_id'])
            for one in told
        ]
        for name, told in servers.listed()
    }


def _same(before: Given, after: Given, *, anew: bool) -> None:
    """The same volumes in the same places.

    :param anew: whether those that are no roots have new attachments
    """
    for name, volumes in after.items():
        pairs = zip(before[name], volumes, strict=True)
        for number, (was, now) in enumerate(pairs):
            root = name == 'root' and number == 0
            changed = anew and not root and name != 'off'
            assert was[:3] == now[:3], (name, was, now)
            assert (was[3] != now[3]) == changed, (name, was, now)
