# SPDX-License-Identifier: Apache-2.0
"""What OpenStackClient asks of a plugin.

Every ``openstack`` command imports this module, so it imports nothing that
costs time.
"""

import argparse
import typing

from osc_recover import masking

if typing.TYPE_CHECKING:
    from osc_recover import recovery

API_NAME = 'recover'
API_VERSION_OPTION = 'os_recover_api_version'
API_VERSIONS = {'1': 'osc_recover.recovery.Recovery'}
DEFAULT_API_VERSION = '1'


def make_client(instance: typing.Any) -> 'recovery.Recovery':
    """Make what ``client_manager.recover`` is."""
    from osc_recover import recovery

    return recovery.Recovery.from_osc(instance)


def build_option_parser(
    parser: argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    """Add no global options: there is one version only.

    The client calls this before it reads, and logs, its configuration.
    """
    masking.set_up()
    return parser
