# SPDX-License-Identifier: Apache-2.0
"""The bed: real SSH hosts on one machine, and nova-compute inside them."""
