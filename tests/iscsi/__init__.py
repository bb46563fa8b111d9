# SPDX-License-Identifier: Apache-2.0
"""A small virtual machine with the kernel's own iSCSI."""
