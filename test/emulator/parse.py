"""PTX as text: kernels, variables in shared memory, statements, operands."""
import re


class PtxError(Exception):
    """What is not emulated, which is what is said of it."""


def split(text):
    """Operands, at commas outside of brackets."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "[{") - (c in "]}")
        if c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return parts + [text[start:].strip()] if text.strip() else []


def statements(text, line):
    """(line, text): braces, labels with their colon, and what ends with a semicolon."""
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            line += text[at] == "\n"
            at += 1
        if at == len(text):
            return
        found = re.compile(r"[{}]|[\w$]+:(?!:)").match(text, at)
        end = found.end() if found else text.index(";", at) + 1
        yield line, " ".join(text[at:end].rstrip(";").split())
        line += text.count("\n", at, end)
        at = end


def closing(text, at):
    """Behind the brace that closes the one before `at`."""
    depth = 1
    while depth:
        found = re.compile(r"[{}]").search(text, at)
        depth += 1 if found[0] == "{" else -1
        at = found.end()
    return at


def kernels(ptx):
    """(name, parameters, directives, body, its line) of each kernel."""
    entry = re.compile(r"\.entry\s+([\w$]+)\s*\((.*?)\)(.*?)\{", re.S)
    at = 0
    while found := entry.search(ptx, at):
        if other := re.search(r"\.(func|global|const|tex)\b.*", ptx[at:found.start()]):
            raise PtxError(f"  {other[0]} (outside of a kernel)")
        at = closing(ptx, found.end())
        yield *found.groups(), ptx[found.end():at], ptx.count("\n", 0, found.end()) + 1


def shared_variables(ptx):
    """Alignment and bytes by name; what is dynamic has none and comes last."""
    found = re.findall(r"\.shared \.align (\d+) \.[bfsu](\d+) ([\w$]+)(\[\d*\])?;", ptx)
    places = {name: (int(alignment), int(width) // 8 * int(count[1:-1] or 0) if count else int(width) // 8)
              for alignment, width, name, count in found}
    return dict(sorted(places.items(), key=lambda place: place[1][1] == 0))
