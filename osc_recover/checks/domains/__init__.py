# SPDX-License-Identifier: Apache-2.0
"""What libvirt has of servers, and how it ought to be."""
