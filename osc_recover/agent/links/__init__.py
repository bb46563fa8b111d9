# SPDX-License-Identifier: Apache-2.0
"""iSCSI sessions opened and closed, and what is over their disks."""
