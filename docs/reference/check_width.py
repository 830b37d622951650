#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether the pages fit a phone, 390 pixels wide, in a real browser: check_width.py SITE.

All guides are looked at, and of the reference one page of each sort. Without Chromium nothing is.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

WIDTH = 390
MEASURE = """<!DOCTYPE html><meta charset="utf-8"><body><script>
const pages = %s;
(async () => {
  for (const page of pages) {
    const frame = document.createElement("iframe");
    frame.width = %d; frame.height = 800;
    frame.src = page;
    document.body.append(frame);
    await new Promise(done => { frame.onload = done; });
    await new Promise(done => setTimeout(done, 50));
    const line = document.createElement("pre");
    line.textContent = `width ${frame.contentDocument.documentElement.scrollWidth} of ${page}`;
    frame.replaceWith(line);
  }
  document.title = "done";
})();
</script>"""


def main():
    site = pathlib.Path(sys.argv[1]).resolve()
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        print("skipped: there is no Chromium here, so no page was looked at")
        return
    reference = ("index", "files", "annotated", "concepts", "namespaceretinue", "geometry_8hpp",
                 "structretinue_1_1box", "classretinue_1_1detector", "conceptretinue_1_1tensor__backend")
    pages = sorted([*site.glob("*.html"), *site.glob("docs/*.html"), *site.glob("examples/*.html"),
                    *filter(pathlib.Path.exists, (site / f"reference/{name}.html" for name in reference))])
    with tempfile.TemporaryDirectory() as folder:
        measure = pathlib.Path(folder) / "measure.html"
        measure.write_text(MEASURE % ([page.as_uri() for page in pages], WIDTH))
        shown = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--allow-file-access-from-files", "--disable-web-security", f"--user-data-dir={folder}/data",
             "--virtual-time-budget=60000", "--dump-dom", measure.as_uri()],
            capture_output=True, text=True, timeout=300, check=False).stdout
    found = re.findall(r"width (\d+) of ([^<]+)", shown)
    found = [(int(width), page) for width, page in found if not page.startswith("$")]
    if len(found) != len(pages):
        sys.exit(f"the browser looked at {len(found)} of {len(pages)} pages")
    wide = [f"{page} is {width} pixels wide" for width, page in found if width > WIDTH]
    if wide:
        sys.exit(f"{len(wide)} of {len(pages)} pages do not fit {WIDTH} pixels:\n" + "\n".join(wide))
    print(f"{len(pages)} pages fit {WIDTH} pixels")


if __name__ == "__main__":
    main()
