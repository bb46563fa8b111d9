# SPDX-License-Identifier: Apache-2.0
"""Facts in, plan out: the plans that operators are shown, word for word.

After a change that is meant: ``python -m tests.golden.regenerate``.
"""

import json

import pytest

from osc_recover import records
from osc_recover.plan import Plan
from osc_recover.procedures.host import differences
from tests.golden import regenerate


def name(path):
    return str(path.relative_to(regenerate.PLANS).with_suffix(''))


@pytest.mark.parametrize('path', regenerate.cases(), ids=name)
def test_a_plan_is_the_golden_one(path):
    golden = json.loads(path.read_text())
    assert regenerate.case(path) == golden


@pytest.mark.parametrize('path', regenerate.cases(), ids=name)
def test_a_golden_file_is_as_it_would_be_written(path):
    assert regenerate.text(json.loads(path.read_text())) == path.read_text()


@pytest.mark.parametrize('path', regenerate.cases(), ids=name)
def test_a_golden_plan_can_be_read(path):
    golden = json.loads(path.read_text())
    if 'plan' in golden:
        plan = records.from_data(Plan, golden['plan'])
        assert differences(plan, plan) == ()


def test_every_procedure_has_golden_plans():
    found = {path.parent.name for path in regenerate.cases()}
    assert found == set(regenerate.PROCEDURES)


def test_a_golden_plan_that_is_not_so_is_noticed_and_mended(
    tmp_path, monkeypatch, capsys
):
    source = regenerate.PLANS / 'host' / 'three-servers.json'
    copy = tmp_path / 'host' / 'case.json'
    copy.parent.mkdir()
    copy.write_text(source.read_text().replace('server.prove', 'server.fly'))
    monkeypatch.setattr(regenerate, 'PLANS', tmp_path)
    assert regenerate.case(copy) != json.loads(copy.read_text())
    assert regenerate.main() == 0
    assert copy.read_text() == source.read_text()
    assert capsys.readouterr().out == 'host/case.json\n'
