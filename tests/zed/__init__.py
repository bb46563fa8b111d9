# SPDX-License-Identifier: Apache-2.0
"""Debian 12's nova 26 (Zed) as a region of its own beside the practice cloud.

Its nova is Debian's, unpacked and not installed; its placement, network agent
and hypervisors are those of the practice cloud, whose keystone, glance,
neutron, cinder, MariaDB and RabbitMQ it uses. The practice cloud does not
know of it.
"""
