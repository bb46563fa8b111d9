# SPDX-License-Identifier: Apache-2.0
"""What a host is in the middle of, to be known after a power loss."""
