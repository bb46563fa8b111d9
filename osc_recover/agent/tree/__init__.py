# SPDX-License-Identifier: Apache-2.0
"""Files and their owners, changed in one pass over a tree."""
