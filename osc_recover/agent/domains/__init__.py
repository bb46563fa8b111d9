# SPDX-License-Identifier: Apache-2.0
"""The domains of a host and their network filters, through virsh."""
