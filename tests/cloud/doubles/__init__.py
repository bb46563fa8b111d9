# SPDX-License-Identifier: Apache-2.0
"""What the practice cloud has no hardware for; runs inside its services."""
