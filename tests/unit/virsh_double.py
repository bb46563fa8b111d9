# SPDX-License-Identifier: Apache-2.0
"""The virsh of virsh_program, for tests to arrange and to look at."""

import json
import pathlib
import shlex
import sys
import uuid as uuids

import pytest

from osc_recover.agent import run
from tests.unit import virsh_program
from tests.unit.virsh_program import filter_xml

LIVE = 'a5ee6ae0-4c43-4bb0-b54a-cbc4c4f4f9e2'
OFF = '3f57699a-e773-4650-a443-b4b37eed5a06'


class Virsh:
    """What it knows: the domains and filters of a folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        (folder / 'filters').mkdir(parents=True)
        (folder / 'domains').mkdir()

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have the agent find it, and nothing of the machine's own."""
        bin_ = self.folder / 'bin'
        bin_.mkdir()
        self.script(bin_ / 'virsh')
        monkeypatch.setattr(run, 'PATH', f'{bin_}:/usr/sbin:/usr/bin:/bin')

    def script(self, path: pathlib.Path) -> None:
        program = [sys.executable, '-I', '-S', virsh_program.__file__]
        words = shlex.join([*program, str(self.folder)])
        path.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        path.chmod(0o755)

    def say(self, text: str) -> None:
        """From now on it fails, and says just that."""
        (self.folder / 'says').write_text(text)

    def add(self, uuid: str, name: str, state: str, kept: str = '') -> None:
        """A domain; without an XML that is kept it is transient."""
        told = {'name': name, 'state': state, 'kept': kept, 'live': kept}
        self._domain(uuid).write_text(json.dumps(told))

    def kept(self, uuid: str) -> str:
        return str(json.loads(self._domain(uuid).read_text())['kept'])

    def has(self, uuid: str) -> bool:
        return self._domain(uuid).exists()

    def filter(self, name: str, *refers: str, uuid: str = '') -> str:
        """A filter that is defined; its XML."""
        text = filter_xml(name, *refers, uuid=uuid or str(uuids.uuid4()))
        (self.folder / 'filters' / name).write_text(text)
        return text

    def defined(self, name: str) -> str:
        return (self.folder / 'filters' / name).read_text()

    def _domain(self, uuid: str) -> pathlib.Path:
        return self.folder / 'domains' / uuid


def domain_xml(
    listen: str = '10.0.0.11', *, filter: str = '', dhcp: str = ''
) -> str:
    """A domain with a console, and an interface that may be filtered."""
    parameter = (
        f"<parameter name='DHCPSERVER' value='{dhcp}'/>" if dhcp else ''
    )
    reference = f"<filterref filter='{filter}'>{parameter}</filterref>"
    return f"""\
<domain type='qemu'>
  <name>instance-0000002a</name>
  <metadata>
    <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
      <nova:name>web &amp; more</nova:name>
    </nova:instance>
  </metadata>
  <devices>
    <interface type='bridge'>
      <source bridge='br-int'/>
      {reference if filter else ''}
    </interface>
    <graphics type='vnc' port='-1' autoport='yes' listen='{listen}' passwd='p'>
      <listen type='address' address='{listen}'/>
    </graphics>
    <graphics type='egl-headless'/>
  </devices>
</domain>
"""
