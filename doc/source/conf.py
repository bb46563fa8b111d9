# SPDX-License-Identifier: Apache-2.0
"""Sphinx, with a theme that needs neither git nor the network."""

project = 'osc-recover'
author = 'osc-recover contributors'
extensions = ['cliff.sphinxext']
html_theme = 'alabaster'
html_theme_options = {
    'description': 'Recover the servers of a failed compute host',
    'fixed_sidebar': True,
}
