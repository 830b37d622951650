#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether every link of a folder of pages leads somewhere in it: check_links.py SITE."""
import html.parser
import pathlib
import sys
import urllib.parse


class page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(path.read_text(errors="replace"))

    def handle_starttag(self, tag, attributes):
        for key, value in attributes:
            if key in ("href", "src") and value:
                self.links.append(value)
            if key in ("id", "name") and value:
                self.anchors.add(value)


def main():
    site = pathlib.Path(sys.argv[1]).resolve()
    pages = {path: page(path) for path in site.rglob("*.html") if "search" not in path.parts}
    count, broken = 0, []
    for path, found in pages.items():
        for link in found.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc or "$relpath" in link:
                continue
            count += 1
            there = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            name = f"{path.relative_to(site)}: {link}"
            if not there.is_file():
                broken.append(name + " is not there")
            elif "reference" in path.parts:
                pass  # places within Doxygen's pages are its own: it names some that it leaves out
            elif parts.fragment and there in pages:
                if urllib.parse.unquote(parts.fragment) not in pages[there].anchors:
                    broken.append(name + " names a place that the page does not have")
    if broken:
        sys.exit(f"{len(broken)} of {count} links are broken:\n" + "\n".join(broken[:50]))
    print(f"{count} links of {len(pages)} pages lead somewhere")


if __name__ == "__main__":
    main()
