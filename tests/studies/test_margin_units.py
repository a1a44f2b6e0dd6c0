"""A margin of answers is declared and recorded in the unit of what its options compete by."""

import json

import pytest
from small_study import write_study

from benchshadow.data.scoring import COMPETE, Scoring
from benchshadow.data.tasks import Item, Task
from benchshadow.studies.declaring.measures import measures
from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.running.joined import told_rows

UNITS = {"sum": "nats", "token": "nats/token", "byte": "nats/byte", "unconditional": "nats"}
CHOICES = '[[tasks]]\nname = "choices"\nkind = "choices"\nfile = "some.jsonl"\ncompete = "{}"\n\n[arms.control]\n'
RUN = '\n[[runs]]\narm = "aligned"\nreplicate = 0\nstep = 4\ncheckpoint = "somewhere"\nresults = "{}"\n'


@pytest.mark.parametrize("compete", COMPETE)
def test_the_unit_follows_from_what_options_compete_by(compete, tmp_path):
    (tmp_path / "scores.json").write_text(json.dumps({"choices": {"margin": 0.5}}), encoding="utf-8")
    file = write_study(tmp_path, ("[arms.control]\n", CHOICES.format(compete)))
    file.write_text(file.read_text(encoding="utf-8") + RUN.format(tmp_path / "scores.json"), encoding="utf-8")
    study = read_study(file)
    (measure,) = (each for each in measures(study) if each.name == "choices: margin")
    task = Task("choices", "unrelated", "choice", (Item("1", "", (" a", " b")),), Scoring(compete=compete))
    assert measure.unit == UNITS[compete]
    assert told_rows(study, [task], "aligned", 0, 4, {})["unit"].to_list() == [UNITS[compete]]
