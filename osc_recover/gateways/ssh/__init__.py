# SPDX-License-Identifier: Apache-2.0
"""SSH: from a host's name to a program of ours that runs there."""
