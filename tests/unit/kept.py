# SPDX-License-Identifier: Apache-2.0
"""What a run has kept of its steps, without a journal."""


class InMemory:
    """By the names of steps; ``began``: name -> seconds since it was begun."""

    def __init__(self, **began):
        self.began = began
        self.facts = {}

    def keep(self, step, data):
        self.facts[step.name] = dict(data)

    def of(self, step):
        return self.facts.get(step.name, {})

    def since(self, name):
        return self.began.get(name)
