"""In a real browser every chart is drawn, nothing overflows sideways on a phone, and the console stays silent."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from audit_rows import audit_folder
from footprint_rows import added, directions, profile, spread
from pages import read_page
from report_samples import footprint_folder, study_folder

from benchshadow import report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
    "--enable-logging=stderr",
    "--v=0",
    "--virtual-time-budget=8000",
    "--dump-dom",
]
# A page of its own holds the report at the width of a phone, and writes down what it sees there.
WATCH = """<!doctype html>
<iframe id="page" src="{src}" style="width:{width}px;height:900px;border:0"></iframe><pre></pre>
<script>
addEventListener("load", () => setTimeout(() => {{
  const page = document.getElementById("page").contentDocument;
  page.querySelectorAll("details").forEach((details) => details.open = {opened});
  setTimeout(() => {{
    const charts = [...page.querySelectorAll(".chart")];
    const marks = ".mark-symbol path, .mark-line path";
    const right = (svg) => svg.getBoundingClientRect().right;
    // The last table is sorted by its first column of numbers, falling, and then filtered by a word that nothing holds.
    const table = page.querySelector("table[data-sortable]");
    const index = [...table.tHead.rows[0].cells].findIndex((head) => head.className === "num");
    const button = table.tHead.rows[0].cells[index].querySelector("button");
    button.click();
    button.click();
    const order = [...table.tBodies[0].rows].map((row) => parseFloat(row.cells[index].dataset.order));
    const filter = page.querySelector("[data-filter]");
    const seen = () => [...table.tBodies[0].rows].filter((row) => !row.hidden).length;
    const before = seen();
    filter.value = "no such word";
    filter.dispatchEvent(new Event("input"));
    document.querySelector("pre").textContent = JSON.stringify({{
      charts: charts.length,
      drawn: charts.filter((chart) => chart.querySelector(marks)).length,
      order: order.filter((value) => !Number.isNaN(value)),
      left: [before, seen()],
      wide: page.documentElement.scrollWidth,
      over: charts.filter((chart) => [...chart.querySelectorAll("svg")].some((svg) => right(svg) > {width})).length,
    }});
  }}, 1500);
}}, 500));
</script>"""


@pytest.fixture(scope="module", params=["study", "footprint"])
def path(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "study":
        return report.write(study_folder(folder))
    if request.param == "audit":
        return report.write(audit_folder(folder))
    return report.write(added(footprint_folder(folder), [*profile(), *spread(), *directions()]))


@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium on the path: apt install chromium")
@pytest.mark.parametrize(("width", "opened"), [(1280, "false"), (390, "true")])
def test_every_chart_is_drawn_and_nothing_overflows(path, width, opened, tmp_path):
    (tmp_path / "watch.html").write_text(WATCH.format(src=path.as_uri(), width=width, opened=opened), encoding="utf-8")
    command = [str(BROWSER), *QUIET, f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width + 40},1000"]
    run = subprocess.run([*command, (tmp_path / "watch.html").as_uri()], capture_output=True, text=True, timeout=120)
    found = re.search(r"<pre>(\{.*?\})</pre>", run.stdout)
    assert found, run.stderr[-2000:]
    seen = json.loads(found[1])
    charts = read_page(path.read_text(encoding="utf-8")).charts
    assert seen["charts"] == len(charts)
    if opened == "true":
        assert seen["drawn"] == seen["charts"]
    else:
        assert 0 < seen["drawn"] <= seen["charts"]
    assert seen["wide"] <= width
    assert seen["over"] == 0
    assert seen["order"] == sorted(seen["order"], reverse=True)
    assert len(seen["order"]) > 1
    assert seen["left"][0] > seen["left"][1] == 0
    assert [line for line in run.stderr.splitlines() if "CONSOLE" in line] == []
