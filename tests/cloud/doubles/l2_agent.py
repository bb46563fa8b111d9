# SPDX-License-Identifier: Apache-2.0
"""The L2 agents of all hosts in one process: they report, and wire ports."""

from __future__ import annotations

import sys
import time

from neutron.agent import rpc as agent_rpc
from neutron.common import config
from neutron.conf.agent import common as agent_config
from neutron_lib import constants, context
from neutron_lib.agent import topics
from oslo_config import cfg
from oslo_log import log
from oslo_messaging import exceptions

from tests.cloud import hosts, paths, services
from tests.cloud.doubles import knobs

LOG = log.getLogger(__name__)


class Wiring:
    """Says "it is up" for each port that is bound to a host with power."""

    def __init__(self):
        self._plugin = agent_rpc.PluginApi(topics.PLUGIN)

    def port_update(self, ctxt, port=None, **_):
        host = port.get('binding:host_id')
        if host not in hosts.names() or not services.powered(host):
            return
        self._plugin.update_device_up(
            context.get_admin_context_without_session(),
            port['id'],
            f'ovs-agent-{host}',
            host,
        )

    def port_delete(self, ctxt, **_):
        """Nothing was wired that would have to go."""

    def network_update(self, ctxt, **_):
        """Nothing depends on it."""


def main():
    config.register_common_config_options()
    agent_config.register_agent_state_opts_helper(cfg.CONF)
    config.init(sys.argv[1:])
    config.setup_logging()
    agent_rpc.create_consumers(
        [Wiring()], topics.AGENT, [[topics.PORT, topics.UPDATE]]
    )
    _report_for_ever(agent_rpc.PluginReportStateAPI(topics.REPORTS))


def _report_for_ever(api):
    states = {host: _state(host) for host in hosts.names()}
    while True:
        for host, state in states.items():
            if services.powered(host) and not _silent(host):
                _report(api, state)
        time.sleep(cfg.CONF.AGENT.report_interval)


def _silent(host):
    return knobs.get(paths.host(host), 'agent_silent', False)


def _report(api, state):
    try:
        api.report_state(
            context.get_admin_context_without_session(), state, use_call=True
        )
    except exceptions.MessagingException:
        LOG.exception('no answer to the report of %s', state['host'])
        return
    # Only the first report after a start has it.
    state.pop('start_flag', None)


def _state(host):
    return {
        'binary': constants.AGENT_PROCESS_OVS,
        'host': host,
        'topic': constants.L2_AGENT_TOPIC,
        'agent_type': constants.AGENT_TYPE_OVS,
        'start_flag': True,
        'configurations': {
            'bridge_mappings': {},
            'tunnel_types': ['vxlan'],
            'tunneling_ip': f'127.0.0.{10 + hosts.names().index(host)}',
            'integration_bridge': 'br-int',
            'datapath_type': 'system',
            'ovs_hybrid_plug': False,
            'l2_population': False,
        },
    }
