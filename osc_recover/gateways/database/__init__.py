# SPDX-License-Identifier: Apache-2.0
"""The databases of nova and cinder, for what no API tells or does."""

from osc_recover.gateways.database.database import Database as Database
from osc_recover.gateways.database.database import Transaction as Transaction
from osc_recover.gateways.database.databases import Cell as Cell
from osc_recover.gateways.database.databases import Databases as Databases
from osc_recover.gateways.database.url import Url as Url
