# SPDX-License-Identifier: Apache-2.0
"""The practice cloud: real OpenStack on loopback, with doubles underneath."""
