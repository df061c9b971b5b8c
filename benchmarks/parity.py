"""Is our model numerically the published one? Prints a table, stage by stage; exit status 1 beyond tolerance.

python benchmarks/parity.py --input input_64.npz --golden golden_64.npz --body BODY_SYNTHETIC.pkl.xz
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

import torch

from golden import Row, compare, compare_gradients, golden_model, read_input
from sherf_core.errors import BodyFileError, SherfError
from sherf_core.geometry.nearest import Method
from sherf_core.model.sherf import SherfConfig

BODY = "BODY_SYNTHETIC.pkl.xz"


def print_table(rows: list[Row]) -> None:
    """One line a stage; of the gradients only the worst, and failures."""
    print(f"{'stage':44} {'relative L2':>11} {'max diff':>9} {'tolerance':>9}")
    gradients = [row for row in rows if row.stage.startswith("gradient ")]
    worst = sorted(gradients, key=lambda row: row.relative / row.tolerance)[-4:]
    for row in rows:
        if row in gradients and row.passed and row not in worst:
            continue
        verdict = "ok" if row.passed else "FAIL"
        figures = f"{row.relative:11.2e} {row.largest:9.2e} {row.tolerance:9.0e}"
        print(f"{_shorten(row.stage):44} {figures} {verdict} {row.note}".rstrip())
    if gradients:
        print(
            f"{len(gradients)} gradient norms and heads compared; shown: the closest to their tolerance, and failures"
        )


def _shorten(stage: str) -> str:
    return stage if len(stage) <= 44 else "…" + stage[-43:]


def find_body(golden: Path) -> Path:
    """The body that the golden numbers were made with: beside them, or in shared/golden beside the repository."""
    shared = Path(__file__).resolve().parents[2] / "shared" / "golden"
    for folder in (golden.parent, shared):
        if (folder / BODY).is_file():
            return folder / BODY
    raise BodyFileError(
        f"{BODY} is neither beside {golden} nor in {shared}", fix="name the body: --body FILE", code="SMPL.MISSING"
    )


def run(options: argparse.Namespace) -> bool:
    """Compare and print the tables: is every stage within tolerance?"""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    body = options.body or find_body(options.golden)
    model = golden_model(body, SherfConfig(nearest=options.nearest, density_noise=0.0)).to(options.device)
    batch = read_input(options.input).to(options.device)
    passed = True
    for statistics in (options.stats,) if options.stats else ("sample", "running"):
        rows = compare(model, batch, options.golden, statistics)
        if options.gradients:
            rows += compare_gradients(model, batch, options.gradients, statistics)
        print(f"\n{options.golden.name}, {statistics} statistics, {options.device}")
        print_table(rows)
        passed &= bool(rows) and all(row.passed for row in rows)
    return passed


def main() -> int:
    """Read the options, compare; 0 within tolerance, 1 beyond it, 2 where a file is missing or broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True, help="one batch of the published reader (.npz)")
    parser.add_argument("--golden", type=Path, required=True, help="its outputs and intermediates (.npz)")
    parser.add_argument("--body", type=Path, help=f"body file; default: {BODY} beside the golden file")
    parser.add_argument("--gradients", type=Path, help="gradients file (.npz); also compare gradients")
    parser.add_argument("--stats", choices=("sample", "running"), help="BatchNorm statistics; default: both")
    parser.add_argument(
        "--nearest", choices=get_args(Method), default="auto", help="how the nearest vertices are searched"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    options = parser.parse_args()
    try:
        passed = run(options)
    except (SherfError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print("\nevery stage within tolerance" if passed else "\nNOT the published numbers")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
