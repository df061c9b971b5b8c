"""Writes the chumpy body beside this file with the real chumpy, and what chumpy says its arrays are.

chumpy 0.70 needs Python 3.10 or older and numpy before 1.24, so it lives in an environment of its own:

    python3.10 -m venv /tmp/chumpy && /tmp/chumpy/bin/pip install numpy==1.23.5 scipy==1.10.1 six setuptools wheel
    /tmp/chumpy/bin/pip install --no-build-isolation chumpy==0.70
    /tmp/chumpy/bin/python tests/data/chumpy/make.py

The body is made of random numbers: 100 vertices, SMPL's keys and joints, nobody's data.
"""

import pickle
from pathlib import Path

import chumpy
import numpy as np
from scipy.sparse import csc_matrix

FOLDER = Path(__file__).parent
VERTICES, JOINTS, FACES = 100, 24, 196
PARENTS = [4294967295, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]

random = np.random.default_rng(20231002)
weights = random.random((VERTICES, JOINTS)) ** 8
regressor = random.random((JOINTS, VERTICES)) * (random.random((JOINTS, VERTICES)) > 0.8)
body = {
    "v_template": chumpy.Ch(random.normal(0, 0.5, (VERTICES, 3))),
    # A selection of the first 10 of 16 shape directions, as the bodies of 2015 have it.
    "shapedirs": chumpy.Ch(random.normal(0, 0.01, (VERTICES, 3, 16)))[:, :, :10],
    # Turned around, so that the file holds (207, 3, V).
    "posedirs": chumpy.Ch(random.normal(0, 0.001, (207, 3, VERTICES))).T,
    "weights": chumpy.Ch(weights / weights.sum(1, keepdims=True)),
    "J_regressor": csc_matrix(regressor / regressor.sum(1, keepdims=True)),
    "J": chumpy.Ch(random.normal(0, 0.5, (JOINTS, 3))),
    "f": np.array([random.permutation(VERTICES)[:3] for _ in range(FACES)], np.uint32),
    "kintree_table": np.array([PARENTS, range(JOINTS)], np.uint32),
    "bs_style": "lbs",
    "bs_type": "lrotmin",
}
kinds = {name: type(value).__module__ + "." + type(value).__name__ for name, value in body.items()}
with (FOLDER / "body.pkl").open("wb") as file:
    pickle.dump(body, file, protocol=2)
truth = {name: np.array(value) for name, value in body.items() if name.islower() and not name.startswith("bs_")}
truth["J"], truth["J_regressor"] = np.array(body["J"]), body["J_regressor"].toarray()
np.savez_compressed(FOLDER / "truth.npz", **truth)
print(kinds)
