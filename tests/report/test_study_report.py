"""A study's folder becomes one page: whole, offline, escaped, and never stronger than its claims."""

from __future__ import annotations

import json
import re
import sys

import pytest
from pages import read_page
from report_samples import ARMS, ROLES, STEPS, study_folder

from benchshadow import records, report
from benchshadow.errors import InputError, MissingExtra


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return study_folder(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def text(folder):
    return report.write(folder).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text):
    return read_page(text)


def changed(folder, name, change):
    """Read a JSON file, change it, write it back."""
    content = records.read_json(folder / name)
    change(content)
    records.write_json(folder / name, content)


def test_the_page_is_whole_html(text, page):
    assert text.startswith("<!doctype html>")
    assert text.rstrip().endswith("</html>")
    assert page.problems == []
    assert len(page.ids) == len(set(page.ids))
    assert {"html", "head", "title", "main", "h1", "table", "figure", "figcaption"} <= set(page.tags)


def test_nothing_is_fetched_when_the_page_is_read(text, page):
    assert [link for link in page.links if not link.startswith(("#", "data:"))] == []
    assert [link for link in page.links if link.startswith("#") and link[1:] not in page.ids] == []
    assert not re.search(r"url\(|@import", " ".join(page.styles))
    assert '"url"' not in json.dumps(page.charts)
    assert "$schema" not in json.dumps(page.charts)


def test_the_same_folder_gives_the_same_page(folder, text):
    assert report.write(folder).read_text(encoding="utf-8") == text


def test_every_place_for_a_chart_has_its_data(page):
    assert page.places == list(page.charts)
    assert {name.rpartition("-")[0] for name in page.charts} == {
        "narrow-broad",
        "dose-1",
        "trajectory",
        "trajectory-curves",
        "depth-stable-rank",
        "depth-relative-change",
    }
    assert len(page.rows("trajectory-1")) == len(ARMS) * 3 * len(STEPS)
    assert {row["arm"] for row in page.rows("trajectory-1")} == set(ARMS)
    assert len([name for name in page.charts if name.startswith("depth-stable-rank")]) == len(ROLES)


def test_points_of_the_scatter_are_paired_differences_from_the_control(folder, page):
    table = records.read(folder / "runs")
    at = {
        (row["arm"], row["replicate"], row["tier"]): row["value"]
        for row in table.filter(table["diagnostic"] == "accuracy").iter_rows(named=True)
    }
    points = [row for row in page.rows("narrow-broad-1") if "replicate" in row]
    assert len(points) == (len(ARMS) - 1) * 3
    for row in points:
        less = {
            tier: at[row["arm"], row["replicate"], tier] - at["control", row["replicate"], tier]
            for tier in ("held-out", "sibling", "unrelated")
        }
        assert row["x"] == pytest.approx(less["held-out"])
        assert row["y"] == pytest.approx((less["sibling"] + less["unrelated"]) / 2)
    (box,) = (row for row in page.rows("narrow-broad-1") if "x2" in row)
    assert box["x2"] == pytest.approx(max(abs(row["x"]) for row in points if row["arm"] == "A/A"))


def test_every_chart_says_what_it_shows_and_has_a_table(page):
    assert page.tags.count("figcaption") == page.tags.count("figure")
    assert all(len(spec["description"]) > 20 for spec in page.charts.values())
    assert page.words.count("as a table") + page.words.count("All measures along") == page.tags.count("figure")


def test_arms_stand_in_the_order_of_the_study_and_not_of_the_alphabet(page):
    first = page.words.index("What the models do")
    places = [page.words.index(f" {arm} ", first) for arm in ARMS]
    assert places == sorted(places)


def test_a_descriptive_study_is_called_so_and_claims_no_shift(page):
    head = page.words[: page.words.index("What the models do")]
    assert "Descriptive (three replicates, one base)" in head
    assert "infers nothing beyond them" in head
    assert "Aligned data raised the benchmark alone." in head
    assert not re.search(r"\b(significant|proves|shift|causes)\b", page.words[: page.words.index("Words")])


def test_marks_say_in_words_what_they_show(page):
    assert "above the A/A range" in page.words
    assert "below the A/A range" in page.words
    assert "partly outside the A/A range" in page.words


def test_the_study_s_own_sentences_about_an_arm_come_first(tmp_path):
    folder = study_folder(tmp_path)

    def told(claims):
        claims["statements"] = [
            {"code": "outcome", "id": "1", "about": "aligned", "text": "aligned: narrow rose.", "severity": "info"},
            {"code": "together", "id": "2", "about": "aligned", "text": "aligned: they agree.", "severity": "info"},
            {"code": "level", "id": "3", "about": "", "text": "Everything is descriptive.", "severity": "warning"},
        ]

    changed(folder, "statements.json", told)
    page = read_page(report.write(folder).read_text(encoding="utf-8"))
    assert "They agree. Narrow rose." in page.words


def test_hostile_names_stay_text(tmp_path):
    hostile = '</script><script>alert("x")</script>&{{ 7 * 7 }}'
    text = report.write(study_folder(tmp_path, hostile=hostile)).read_text(encoding="utf-8")
    page = read_page(text)
    assert "<script>alert" not in text
    assert page.problems == []
    assert page.handlers == []
    assert hostile in page.words
    assert hostile in {row.get("arm") for row in page.rows("trajectory-1")}


def test_a_study_without_claims_says_that_nothing_can_be_said(tmp_path):
    page = read_page(report.write(study_folder(tmp_path, claims=False)).read_text(encoding="utf-8"))
    assert "Nothing can be said yet" in page.words
    assert "claims.json is missing" in page.words
    assert "trajectory-1" in page.charts
    assert "▲" not in "".join(page.text).replace("▲ ▼", "")


def test_claims_of_an_older_form_are_told_to_be_made_again(tmp_path):
    folder = study_folder(tmp_path)
    records.write_json(folder / "claims.json", {"claims": [], "level": "descriptive"})
    with pytest.raises(InputError, match=r"claims\.json: must be a list of claims but is a dict; run the study again"):
        report.write(folder)


def test_a_plan_without_runs_is_a_page_too(tmp_path):
    folder = study_folder(tmp_path / "full")
    records.write_json(tmp_path / "empty" / "study.json", records.read_json(folder / "study.json"))
    page = read_page(report.write(tmp_path / "empty").read_text(encoding="utf-8"))
    assert page.charts == {}
    assert "undefined: no value was recorded" in page.words


def test_what_is_undefined_is_a_dash_with_its_reason(tmp_path, page):
    assert "not comparable" in page.words
    assert "the arms share no range of relative change" in page.words
    folder = study_folder(tmp_path)
    gone = lambda summary: summary["table"].clear()  # noqa: E731
    changed(folder, "summary.json", gone)
    changed(folder, "study.json", lambda study: study["measures"][0].update(benchmark="no such task"))
    page = read_page(report.write(folder).read_text(encoding="utf-8"))
    assert "undefined: no value was recorded" in page.hints
    assert "—" in page.words


def test_no_cell_holds_what_only_a_program_writes(page):
    assert not re.search(r"\b(nan|NaN|None|null|inf|True|False)\b", page.words + " ".join(page.hints))


def test_a_dose_that_is_not_monotone_is_said_to_be_so(tmp_path):
    folder = study_folder(tmp_path)

    def bent(claims):
        dose = claims["doses"][0]
        dose |= {"row": "alignment", "monotone": False, "doses": [0.0, None, None]}
        dose["text"] = "alignment: stable rank is not monotone in the dose."
        del claims["doses"][1:]

    changed(folder, "statements.json", bent)
    page = read_page(report.write(folder).read_text(encoding="utf-8"))
    assert "By dose: alignment" in page.words
    assert "Stable rank is not monotone in the dose." in page.words
    assert {row["x"] for row in page.rows("dose-1-1")} == {"control", "aligned-50", "aligned"}


def test_a_measure_made_of_parts_is_summed_with_its_signs(tmp_path):
    folder = study_folder(tmp_path)

    def split(study):
        gap = [[1.0, "held-out items", "accuracy"], [-1.0, "other skills", "accuracy"]]
        study["measures"][0] |= {"parts": gap, "title": "gap"}
        study["measures"] = study["measures"][:1]

    changed(folder, "study.json", split)
    page = read_page(report.write(folder).read_text(encoding="utf-8"))
    table = records.read(folder / "runs")
    one = {
        row["benchmark"]: row["value"]
        for row in table.filter(table["of"] == "outcome").iter_rows(named=True)
        if (row["arm"], row["replicate"]) == ("aligned", 1)
    }
    points = {row["note"]: row["y"] for row in page.rows("dose-1-1")}
    assert points["aligned, replicate 1"] == pytest.approx(one["held-out items"] - one["other skills"])


def test_runs_under_way_and_runs_set_aside_are_left_out(tmp_path):
    folder = study_folder(tmp_path)
    run = next((folder / "runs").iterdir())
    for aside in (folder / "runs" / f"{run.name}.partial", folder / "superseded" / "runs" / run.name):
        table = records.read(run).with_columns(value=records.read(run)["value"] * 100)
        records.write(table, aside / "records.parquet")
    rows = read_page(report.write(folder).read_text(encoding="utf-8")).rows("trajectory-1")
    assert len(rows) == len(ARMS) * 3 * len(STEPS)
    assert max(row["y"] for row in rows) < 100


def test_failed_runs_are_told_at_the_top(tmp_path):
    folder = study_folder(tmp_path)
    changed(folder, "summary.json", lambda summary: summary.update(runs={"whole": 17, "failed": 1, "planned": 18}))
    page = read_page(report.write(folder).read_text(encoding="utf-8"))
    assert "1 run of 18 failed and is missing here." in page.words[: page.words.index("What the models do")]


def test_what_is_equal_by_construction_is_said_once(page):
    assert page.words.count("Equal in every run by construction") == 1
    assert "tokens 819\u202f200" in page.words
    assert "Different tokens" in page.words


def test_a_folder_that_is_neither_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"must hold a study \(study\.json\) or a footprint"):
        report.write(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        report.write(tmp_path / "gone")


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "must be JSON"), ("[]", "must be a JSON object but is a list"), ("{}", "must name its arms")],
)
def test_a_broken_plan_is_refused_by_name_and_nothing_is_written(tmp_path, content, said):
    (tmp_path / "study.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=said) as caught:
        report.write(tmp_path)
    assert "study.json" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["study.json"]


@pytest.mark.parametrize("library", ["jinja2", "vl_convert"])
def test_a_missing_library_is_named_with_the_command_that_installs_it(folder, library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=r"the extra 'report': pip install 'benchshadow\[report\]'"):
        report.write(folder)


def test_figures_are_files_of_their_own(folder, tmp_path):
    written = report.figures(folder, tmp_path / "out")
    assert len(written) == len(read_page(report.write(folder).read_text(encoding="utf-8")).charts)
    assert all(path.read_text(encoding="utf-8").startswith("<svg") for path in written)
    assert not any("var(" in path.read_text(encoding="utf-8") for path in written)
    with pytest.raises(InputError, match="format: must be one of svg, png, pdf but is 'gif'"):
        report.figures(folder, tmp_path / "out", format="gif")
