#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The guides as pages for a browser: pages.py REPOSITORY SITE.

README.md, docs/*.md and the other pages at the top become HTML, and so does every file of the
repository that they point to. SITE/reference is Doxygen's.
"""
import html
import pathlib
import re
import shutil
import sys

try:
    import markdown
except ImportError:
    sys.exit("pages.py needs Python's markdown: apt-get install python3-markdown")

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="{up}style.css">
</head>
<body>
<div class="page">
<nav><a href="{up}index.html">retinue</a> <a href="{up}docs/README.html">guides</a>
<a href="{up}reference/index.html">reference</a> <a href="{up}CHANGELOG.html">changes</a>
<a href="{up}SECURITY.html">security</a> <a href="{up}CONTRIBUTING.html">contributing</a></nav>
{body}
</div>
</body>
</html>
"""
PICTURES = {".png", ".jpg", ".svg"}


class site:
    def __init__(self, repository, folder):
        self.repository, self.folder, self.made, self.wanted = repository, folder, set(), []

    def written_as(self, path):
        """Where a file or folder of the repository stands in the site."""
        if path == pathlib.Path("README.md"):
            return pathlib.Path("index.html")
        if path.suffix in PICTURES:
            return path
        if (self.repository / path).is_dir():
            return path / "index.html"
        return path.with_suffix(".html") if path.suffix == ".md" else pathlib.Path(f"{path}.html")

    def put(self, path, title, body):
        to = self.folder / self.written_as(path)
        to.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * (len(self.written_as(path).parts) - 1)
        to.write_text(PAGE.format(title=html.escape(title), up=up, body=body))

    def link(self, page, target):
        """The same link where both are pages."""
        address, mark, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target) or not address:
            return target
        there = (self.repository / page.parent / address).resolve()
        if not there.exists() or not there.is_relative_to(self.repository):
            sys.exit(f"{page} points to {address}, which is not in the repository")
        there = there.relative_to(self.repository)
        self.wanted.append(there)
        up = "../" * (len(self.written_as(page).parts) - 1)
        return up + self.written_as(there).as_posix() + mark + anchor

    def make(self, path):
        if path in self.made:
            return
        self.made.add(path)
        here = self.repository / path
        if path.suffix in PICTURES:
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(here, self.folder / path)
        elif here.is_dir():
            names = sorted(p.relative_to(self.repository) for p in here.iterdir()
                           if not p.name.startswith((".", "__")))
            items = "".join(f'<li><a href="{self.link(path / "index", name.name)}">{name.name}</a></li>'
                            for name in names)
            self.put(path, str(path), f"<h1>{path}</h1><ul>{items}</ul>")
        elif path.suffix == ".md":
            text = here.read_text()
            body = markdown.markdown(text, extensions=["tables", "fenced_code", "toc", "sane_lists"])
            body = re.sub(r'(href|src)="([^"]+)"',
                          lambda m: f'{m[1]}="{self.link(path, html.unescape(m[2]))}"', body)
            body = re.sub(r"<table>.*?</table>", r'<div class="scroll">\g<0></div>', body, flags=re.S)
            body = body.replace("<img ", '<img class="wide" ')
            title = re.search(r"^# (.*)", text, re.M)
            self.put(path, title[1] if title else path.name, body)
        else:
            text = here.read_text(errors="replace")
            self.put(path, path.name, f"<h1>{path}</h1><pre>{html.escape(text)}</pre>")


def main():
    repository, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    made = site(repository, folder)
    made.wanted = [p.relative_to(repository)
                   for p in (*repository.glob("*.md"), *repository.glob("docs/*.md"))]
    while made.wanted:
        made.make(made.wanted.pop())
    shutil.copyfile(pathlib.Path(__file__).with_name("style.css"), folder / "style.css")


if __name__ == "__main__":
    main()
