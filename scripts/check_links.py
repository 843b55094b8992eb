"""Checks the links between the Markdown files: each leads to a file, and to a heading where it names one.

Every page of the book is in its table of contents, and links there are relative. Links to other sites are not followed.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def anchors(page):
    """The names of a page's headings, as renderers make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page):
    """What is wrong with the links of a page."""
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists():
            yield f"{page.relative_to(ROOT)}: no file {name}"
        elif anchor and anchor not in anchors(target):
            yield f"{page.relative_to(ROOT)}: no heading #{anchor} in {target.relative_to(ROOT)}"


def main():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    pages = [ROOT / name for name in listed.stdout.split()]
    problems = [problem for page in pages for problem in broken(page)]
    contents = ROOT / "docs" / "SUMMARY.md"
    named = {(contents.parent / link).resolve() for link in LINK.findall(contents.read_text())}
    problems += [
        f"{page.relative_to(ROOT)} is not in docs/SUMMARY.md"
        for page in pages
        if contents.parent in page.parents and page != contents and page not in named
    ]
    print("\n".join(problems) or f"{len(pages)} files, no broken link")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
