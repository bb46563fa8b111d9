# SPDX-License-Identifier: Apache-2.0
"""Accounts of a host, and their numbers."""
