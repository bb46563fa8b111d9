# SPDX-License-Identifier: Apache-2.0
"""What a plan for new numbers says beside its rows.  Pure."""

from collections.abc import Iterable, Iterator, Sequence

from osc_recover.checks import ownership, sharing
from osc_recover.checks.ownership import Case
from osc_recover.checks.request import OwnershipFix
from osc_recover.facts import HostServices, Ownership
from osc_recover.plan import Step

KOLLA = (
    'runs in a container: numbers inside an image belong to the image, and '
    'are not changed'
)
_UDEV = (
    'udevd keeps the number that a group had when it was started: after a '
    'change of group {groups}, udevadm control --reload, or a reboot'
)
_NOT_ASKED = (
    'an old number in the ACL of a file that others own is not looked for '
    '(--acls owned)'
)


def of(
    facts: Ownership, cases: Sequence[Case], request: OwnershipFix
) -> tuple[str, ...]:
    """What there is to say; the same about several hosts once."""
    said: dict[str, list[str]] = {}
    for case in cases:
        for text in _about(facts, case):
            said.setdefault(text, []).append(case.host)
    told = [f'{", ".join(hosts)}: {text}' for text, hosts in said.items()]
    return (*told, *_of_all(facts, cases))


def nothing(facts: Ownership, host: str) -> str:
    """Why there is nothing to change on a host."""
    if not facts.accounts_of(host).accounts:
        return f'it has none of these accounts; if nova {KOLLA}'
    return 'its accounts have their numbers'


def has_nova(steps: Iterable[Step]) -> bool:
    """Whether nova-compute is among what steps stop and start."""
    names = [
        name
        for step in steps
        for key in ('units', 'containers')
        for name in step.args.get(key, ())
    ]
    return any(is_nova(name) for name in names)


def is_nova(name: str) -> bool:
    """Whether a unit or a container is nova-compute."""
    return 'nova-compute' in name or 'nova_compute' in name


def _about(facts: Ownership, case: Case) -> Iterator[str]:
    files = facts.files_of(case.host)
    walked = [m.point for m in files.mounts
              if ownership.is_walked(m, case.skip)]  # fmt: skip
    yield f'files of {", ".join(walked)} are changed'
    yield from _left_out(facts, case)
    if case.acls == 'owned':
        yield _NOT_ASKED
    for mention in files.mentions:
        yield (
            f'{mention.file} line {mention.line} has a number in it, and is '
            f'not changed: {mention.text}'
        )
    for sentence in files.unread:
        yield f'could not be looked through for numbers: {sentence}'
    if in_container(facts.services_of(case.host)):
        yield f'nova {KOLLA}'
    groups = sorted({c.name for c in case.changes if c.kind == 'group'})
    if groups:
        yield _UDEV.format(groups=' or '.join(groups))


def _left_out(facts: Ownership, case: Case) -> Iterator[str]:
    files = facts.files_of(case.host)
    why: dict[str, list[str]] = {}
    for mount in files.mounts:
        if ownership.is_below(mount.point, case.skip):
            why.setdefault('--skip', []).append(mount.point)
        elif not mount.covered and mount.group != 'network':
            why.setdefault(mount.why, []).append(mount.point)
    for folder in files.skip:
        why.setdefault('of containers', []).append(folder)
    for reason, points in why.items():
        yield f'left out ({reason}): {", ".join(points)}'


def _of_all(facts: Ownership, cases: Sequence[Case]) -> Iterator[str]:
    hosts = [case.host for case in cases]
    for share in sharing.shares(facts, cases):
        yield (
            f'{share.source} is changed once, by {share.walker(hosts)}, for '
            f'{", ".join(share.mounts)}; no other machine may use it meanwhile'
        )
    unknown = [a.host for a in facts.accounts if a.problem]
    if unknown and cases:
        yield (
            'whether the numbers are free there is not known, as they could '
            f'not be asked: {", ".join(unknown)}'
        )


def in_container(services: HostServices) -> bool:
    """Whether nova-compute runs in a container there, as kolla has it."""
    return any(
        is_nova(service.name)
        and (service.kind != 'unit' or service.name.startswith('kolla-'))
        for service in services.services
    )
