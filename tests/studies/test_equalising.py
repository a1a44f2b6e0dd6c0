"""The equaliser trains on no item that is scored, and takes no more sequences at a time than the study does."""

import pytest
from small_study import write_study

from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.preparing.equalising import equaliser_of
from benchshadow.studies.preparing.suite import suite

END = '[doses]\nalignment = ["control", "half", "aligned"]\n'


def equalised(folder, *changes, examples=4, sequences=2):
    told = f"[equaliser]\nexamples = {examples}\nlearning_rate = 1e-2\nsequences = {sequences}\n"
    return read_study(write_study(folder, (END, END + told), *changes))


@pytest.mark.parametrize("shots", [0, 2])
def test_no_example_is_an_item_with_or_without_shots(shots, tmp_path):
    asked = "seen = true\nitems = 8\n"
    study = equalised(tmp_path, ("pool = 60", "pool = 400"), (asked, f"{asked}shots = {shots}\n"), examples=200)
    found = suite(study, 0)
    seen = found.bare[0]
    assert (seen.name, len(seen.items)) == ("seen items", 8)
    assert all(one.prompt.endswith(two.prompt) for one, two in zip(found.tasks[0].items, seen.items, strict=True))
    trained_on = {each.text for each in found.equaliser.documents}
    assert len(trained_on) == 200
    assert not trained_on & {item.prompt + item.options[item.gold] for item in seen.items}


@pytest.mark.parametrize(("sequences", "micro"), [(8, 4), (4, 4), (6, 2), (3, 1)])
def test_as_many_sequences_pass_at_a_time_as_divide_its_batch_and_the_study_takes(sequences, micro, tmp_path):
    study = equalised(
        tmp_path, ("[settings]\nsteps = 4", "[settings]\nmicro_sequences = 4\nsteps = 4"), sequences=sequences
    )
    found = suite(study, 0).equaliser
    assert (found.settings.sequences, found.settings.micro_sequences) == (sequences, micro)
    assert equaliser_of(study, 0)["equaliser.settings"] == found.described["settings"]
