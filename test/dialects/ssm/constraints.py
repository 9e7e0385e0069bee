"""Every constraint Cn in the description of an op has a case, named after it, in
the folder of invalid ops, and a place in the verifier:
constraints.py DIALECT INVALID"""
import pathlib
import re
import sys

def read(folder, files):
    return "\n".join(file.read_text() for file in sorted(folder.glob(files)))


dialect = pathlib.Path(sys.argv[1])
invalid = read(pathlib.Path(sys.argv[2]), "*.mlir")
verifier = read(dialect, "*Ops.cpp")
count = 0
for file in sorted(dialect.glob("Ssm*Ops.td")):
    for op, text in re.findall(r'Ssm_(?:Buffer)?Op<"(\w+)"(.*?)\n}', file.read_text(), re.S):
        numbers = [int(n) for n in re.findall(r"\* \(C(\d+)\)", text)]
        assert numbers and numbers == list(range(1, len(numbers) + 1)), (op, numbers)
        for part in ("Semantics", "Shapes:", "Source:", "Example:"):
            assert part in text or (op == "recurrence" and part == "Shapes:"), f"{op} has no {part}"
        for n in numbers:
            assert re.search(rf"func\.func @{op}_c{n}(_\w+)?\(", invalid), f"{op}_c{n} has no case"
            assert re.search(rf"// {op}_c{n}\b", verifier), f"{op}_c{n} is not in the verifier"
            count += 1
cases = re.findall(r"func\.func @(\w+?_c\d+)", invalid)
print(f"{count} constraints, {len(cases)} cases")
