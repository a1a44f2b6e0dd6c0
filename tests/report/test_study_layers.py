"""The page shows layer by layer where an arm differs, and which claims are exploratory."""

from pages import read_page
from report_samples import study_folder

from benchshadow import records, report
from benchshadow.report.study_folder import open_study
from benchshadow.report.study_layers import layers_table

ROW = {
    "arm": "aligned", "diagnostic": "stable_rank", "tower": "language", "layer": 3, "depth": 0.75, "effect": -2.5,
    "low": -2.9, "high": -2.1, "aa_range": 0.125, "outside": True, "replicates": 8, "p": 0.0078, "q": 0.0312,
}  # fmt: skip


def with_layers(folder, *rows):
    said = records.read_json(folder / "statements.json")
    records.write_json(folder / "statements.json", {**said, "layers": list(rows)})
    return folder


def test_a_row_per_arm_and_layer_with_its_corrected_p(tmp_path):
    few = {**ROW, "layer": 0, "p": None, "q": None, "outside": False}
    table = layers_table(open_study(with_layers(study_folder(tmp_path), ROW, few)))
    assert table is not None
    texts = [[cell.text for cell in row] for row in table.rows]
    assert texts[0] == ["aligned", "stable rank", "3", "0.75", "−2.50", "−2.90 to −2.10", "0.125", "yes", "0.0312"]
    assert texts[1][-2:] == ["no", "—"]
    page = read_page(report.write(tmp_path).read_text(encoding="utf-8"))
    assert "Layer by layer: 2 comparisons with the control" in page.words


def test_without_layers_there_is_no_table(tmp_path):
    assert layers_table(open_study(study_folder(tmp_path))) is None


def test_a_claim_that_was_declared_afterwards_is_called_exploratory(tmp_path):
    folder = study_folder(tmp_path)
    rows = records.read_json(folder / "claims.json")
    words = "exploratory: declared after the first outcome"
    assert words not in read_page(report.write(folder).read_text(encoding="utf-8")).words
    rows[0] |= {"declared": "afterwards", "claim": "C1"}
    records.write_json(folder / "claims.json", rows)
    page = read_page(report.write(folder).read_text(encoding="utf-8"))
    assert words in page.words
    assert "C1" in page.words.split()


def test_bases_are_counted_where_replicates_share_them(tmp_path):
    folder = study_folder(tmp_path)
    rows = records.read_json(folder / "claims.json")
    rows[0] |= {"replicates": 9, "bases": 3, "units": 3, "needed": 7, "p_floor": 0.25}
    records.write_json(folder / "claims.json", rows)
    page = read_page(report.write(folder).read_text(encoding="utf-8"))
    assert "about 7 bases would be needed" in page.words
    assert "With 3 bases no two-sided p can be below 0.250." in page.words
