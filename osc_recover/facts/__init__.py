# SPDX-License-Identifier: Apache-2.0
"""What was observed: frozen records, with nothing decided yet."""

from osc_recover.facts.cloud import Agent as Agent
from osc_recover.facts.cloud import Allocation as Allocation
from osc_recover.facts.cloud import Attachment as Attachment
from osc_recover.facts.cloud import Candidate as Candidate
from osc_recover.facts.cloud import Group as Group
from osc_recover.facts.cloud import Hypervisor as Hypervisor
from osc_recover.facts.cloud import Image as Image
from osc_recover.facts.cloud import MasakariHost as MasakariHost
from osc_recover.facts.cloud import Migration as Migration
from osc_recover.facts.cloud import Port as Port
from osc_recover.facts.cloud import Probe as Probe
from osc_recover.facts.cloud import Resources as Resources
from osc_recover.facts.cloud import Server as Server
from osc_recover.facts.cloud import Service as Service
from osc_recover.facts.cloud import Situation as Situation
from osc_recover.facts.cloud import Volume as Volume
from osc_recover.facts.cloud import request_key as request_key
from osc_recover.facts.hosts import Account as Account
from osc_recover.facts.hosts import HostAccounts as HostAccounts
from osc_recover.facts.hosts import HostService as HostService
from osc_recover.facts.hosts import HostServices as HostServices
