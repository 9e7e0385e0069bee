"""Draws a roofline of the strategies and the mixing matrix."""
import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402


def draw(path, result, matrix):
    figure, (roof, mixing) = pyplot.subplots(1, 2, figsize=(12, 5))
    rows = [row for row in result["strategies"] if "ms" in row]
    intensities = [row["flops"] / row["bytes"] for row in rows]
    low = min([0.1, *intensities]) / 2
    high = max([1000.0, *intensities]) * 2
    x = np.geomspace(low, high, 200)
    roof.loglog(x, np.minimum(result["gflops"], x * result["gbytes"]), "k-")
    for row, intensity in zip(rows, intensities):
        label = row["strategy"] + (" (kernel)" if row["kernel"] else "")
        roof.plot(intensity, row["flops"] / row["ms"] / 1e6, "o", label=label)
    roof.set_xlabel("FLOP per byte that comes or goes once")
    roof.set_ylabel("GFLOP/s of the strategy's own operations")
    dims = " ".join(f"{name}{n}" for name, n in result["dims"].items())
    roof.set_title(f"{result['mixer']} {dims}, {result['type']}, {result['threads']} thread(s)", fontsize=9)
    if rows:
        roof.legend()
    limit = np.abs(matrix).max() or 1
    image = mixing.imshow(matrix, cmap="RdBu", norm=matplotlib.colors.SymLogNorm(limit * 1e-3, vmin=-limit, vmax=limit))
    mixing.set_title(f"mixing matrix of the first channel, {len(matrix)} steps", fontsize=9)
    mixing.set_xlabel("read from step")
    mixing.set_ylabel("written to step")
    figure.colorbar(image, ax=mixing)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
