# SPDX-License-Identifier: Apache-2.0
"""Domains of hosts: defined with other addresses, their filters, forgotten."""

import contextlib
from collections.abc import Iterator, Mapping

from osc_recover import errors
from osc_recover.effects import Control, Operation, Result
from osc_recover.facts import DomainDetail, HostLook
from osc_recover.gateways.compute import Compute
from osc_recover.gateways.domains import Domains
from osc_recover.gateways.hosts import Hosts
from osc_recover.plan import Step


def verbs(
    compute: Compute, hosts: Hosts, grace: float
) -> Mapping[str, Operation]:
    """The operations on domains, by their verbs."""
    domains = Domains(hosts)
    return {
        'domain.filters': Filters(domains, grace),
        'domain.define': Define(compute, domains, grace),
        'domain.forget': Forget(compute, domains, grace),
    }


class Filters:
    """Define network filters on a host; twice does no harm."""

    writes = True

    def __init__(self, domains: Domains, grace: float) -> None:
        self._domains = domains
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether all are there; those that are made anew never are."""
        wanted = step.args['filters']
        if step.args['anew']:
            return False
        with _told(step):
            found = self._domains.filters(_host(step), list(wanted))
        return set(wanted) <= set(found)

    def apply(self, step: Step) -> Result:
        """Have libvirt define them, in place where they are there."""
        with _told(step, 'nwfilter-define'):
            names, kept = self._domains.define_filters(
                _host(step), step.args['filters'], anew=step.args['anew']
            )
        return Result(_note(f'filters {", ".join(names)} defined', kept))

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when it answers."""
        if not step.args['anew'] and not self.in_effect(step):
            raise errors.StepFailed(
                f'{_host(step)}: not all filters are there',
                f'see virsh nwfilter-list on {_host(step)}',
            )
        return Result()


class Define:
    """Give a domain other addresses where libvirt keeps it."""

    writes = True

    def __init__(
        self, compute: Compute, domains: Domains, grace: float
    ) -> None:
        self._compute = compute
        self._domains = domains
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether what is kept has the addresses; the guest that runs may
        have others.
        """
        with _told(step):
            look = _look(self._domains, step)
        detail = look.details.get(step.target)
        if detail is None:
            raise errors.StepFailed(
                f'{look.host} has no domain of this server any more',
                f'openstack recover domain check {step.target}',
            )
        return _is_so(detail, step.args['listen'], step.args['dhcp'])

    def apply(self, step: Step) -> Result:
        """Have libvirt define it, and replace what old files say."""
        server = self._compute.server(step.target)
        if server.host != _host(step) or server.task_state:
            raise _moved(step, server.host, server.task_state)
        with _told(step, 'define'):
            changed, kept = self._domains.define(
                _host(step), step.target, step.args['listen'],
                step.args['dhcp'],
            )  # fmt: skip
        return Result(_note('; '.join(changed), kept))

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when it answers; see that it is so.

        :raises errors.StepFailed: when it is not
        """
        if not self.in_effect(step):
            raise errors.StepFailed(
                f'{_host(step)}: libvirt keeps other addresses than it was '
                'given',
                f'see virsh dumpxml --inactive {step.target} on {_host(step)}',
            )
        return Result()


class Forget:
    """Have libvirt forget a domain that does not run, where its server does
    not live.
    """

    writes = True

    def __init__(
        self, compute: Compute, domains: Domains, grace: float
    ) -> None:
        self._compute = compute
        self._domains = domains
        self.grace = grace

    def in_effect(self, step: Step, lost: bool = False) -> bool:
        """Whether the host has no such domain any more."""
        with _told(step):
            return _look(self._domains, step).domain(step.target) is None

    def apply(self, step: Step) -> Result:
        """Undefine it, unless nova has the server there by now."""
        server = self._compute.server(step.target)
        if server.host == _host(step) or server.task_state:
            raise _moved(step, server.host, server.task_state)
        if server.vm_state == 'resized':
            raise errors.StepFailed(
                'it is kept until a resize is confirmed',
                f'openstack server resize confirm {step.target}',
            )
        with _told(step, 'undefine'):
            kept = self._domains.remove(_host(step), step.target)
        said = f'{step.args["domain"]} on {_host(step)} forgotten'
        return Result(_note(said, kept))

    def follow(self, step: Step, control: Control) -> Result:
        """It is over when it answers; see that it is gone.

        :raises errors.StepFailed: when it is not
        """
        if not self.in_effect(step):
            raise errors.StepFailed(
                f'{_host(step)}: its domain is there again',
                f'see what defines it: virsh dominfo {step.target} on '
                f'{_host(step)}',
            )
        return Result()


def _host(step: Step) -> str:
    return str(step.args['host'])


def _look(domains: Domains, step: Step) -> HostLook:
    [look] = domains.look([_host(step)], [step.target])
    if look.problem:
        raise errors.StepFailed(look.problem, look.way_out)
    return look


def _is_so(detail: DomainDetail, listen: str, dhcp: str) -> bool:
    kept = [one for one in (detail.kept, *detail.legacy.values()) if one]
    told = {a for one in kept for c in one.consoles for a in c.listen}
    servers = {value for one in kept for value in one.dhcp_servers}
    return told <= {listen or a for a in told} and servers <= {
        dhcp or value for value in servers
    }


def _moved(step: Step, host: str, task: str | None) -> errors.StepFailed:
    return errors.StepFailed(
        f'nova has it on {host or "no host"} now'
        + (f', and is at it ({task})' if task else ''),
        f'make a new plan: openstack recover domain repair {step.target}',
    )


def _note(what: str, kept: tuple[str, ...]) -> str:
    if not kept:
        return what
    return f'{what} (what was there is kept: {", ".join(kept)})'


@contextlib.contextmanager
def _told(step: Step, asked: str = '') -> Iterator[None]:
    """Errors of a host as those of a step.

    :param asked: what it was asked to do, so that a lost answer is uncertain
    """
    try:
        yield
    except (errors.RequestTimedOut, errors.AgentCut) as exc:
        if not asked:
            raise errors.StepFailed(exc.sentence, exc.way_out) from exc
        raise errors.Uncertain(_host(step), asked, exc.sentence) from exc
    except errors.HostError as exc:
        raise errors.StepFailed(exc.sentence, exc.way_out) from exc
