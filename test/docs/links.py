"""Every link of every page, and every path that a page names, is there:
links.py SOURCE"""
import pathlib
import re
import sys

source = pathlib.Path(sys.argv[1])
pages = [p for p in source.rglob("*.md")
         if not any(part.startswith((".", "build")) for part in p.relative_to(source).parts)]
top = {p.name for p in source.iterdir() if p.is_dir() and not p.name.startswith((".", "build"))}
broken = checked = 0


def anchors(page):
    return {re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower()).replace(" ", "-")
            for line in page.read_text().splitlines() if line.startswith("#")}


def check(page, what, there):
    global broken, checked
    checked += 1
    if not there:
        broken += 1
        print(f"{page.relative_to(source)}: {what} is not there")


for page in pages:
    text = page.read_text()
    for link in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        check(page, link, target.exists() and (not anchor or anchor in anchors(target)))
    if page.name == "CHANGELOG.md" or page.parent.name == "dialects":
        continue
    # What a page has the reader write is not there yet (walk.py).
    text = re.sub(r"^New file `.*`:$", "", text, flags=re.MULTILINE)
    # `lib/Raise`, `docs/abi.md`, `lib/Codegen/Cpu/Scan.cpp`; with * as in a shell.
    for path in re.findall(r"`([\w.-]+/[\w./*-]*)`", text):
        if path.split("/")[0] in top:
            check(page, f"`{path}`", any(source.glob(path.rstrip("/"))) or any(source.glob(path.rstrip("/") + ".*")))
print(f"{len(pages)} pages, {checked} links and paths, {broken} broken")
sys.exit(broken != 0)
