"""Made `body.pkl` (then packed with xz): a body as Python 2 and chumpy pickle it, with every kind of view.

Run with Python 2.7, numpy 1.16, scipy 1.2, chumpy 0.70: `python2 make_body.py body.pkl`. The numbers follow from
`numbers` alone, so the test that reads the file computes them anew.
"""

import pickle
import sys

import numpy as np

PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]
VERTICES = 30


def numbers(*shape):
    """Small whole numbers in no simple order, so that a mistaken axis shows."""
    return (np.arange(np.prod(shape)) * 7919 % 101).reshape(shape) / 64.0


def weights():
    """Each vertex hangs on two joints."""
    result = np.zeros((VERTICES, 24))
    result[np.arange(VERTICES), np.arange(VERTICES) % 24] = 0.75
    result[np.arange(VERTICES), (np.arange(VERTICES) + 1) % 24] = 0.25
    return result


def body():
    """The arrays that the file holds in one wrapping or another."""
    faces = np.stack([np.arange(20), np.arange(20) + 1, np.arange(20) + 5], axis=1)
    return {
        "v_template": numbers(VERTICES, 3),
        "shapedirs": numbers(VERTICES, 3, 12)[:, :, :10],
        "posedirs": numbers(207, 3, VERTICES).T,
        "weights": weights(),
        "J_regressor": weights()[:24].T.dot(np.eye(24, VERTICES)),
        "f": faces.astype(np.uint32),
        "kintree_table": np.array([PARENTS, range(24)], dtype=np.int64).astype(np.uint32),
        "swapped": numbers(2, 3, 4).swapaxes(0, 1),
        "rolled": np.rollaxis(numbers(2, 3, 4), 2),
        "reshaped": numbers(2, 3, 4).reshape(-1),
    }


def main(path):
    """Wrap the arrays as chumpy does, and write them."""
    import chumpy
    import scipy.sparse

    content = body()
    content.update(
        v_template=chumpy.array(content["v_template"]),
        shapedirs=chumpy.array(numbers(VERTICES, 3, 12))[:, :, :10],
        posedirs=chumpy.array(numbers(207, 3, VERTICES)).T,
        J_regressor=scipy.sparse.csc_matrix(content["J_regressor"]),
        swapped=chumpy.swapaxes(chumpy.array(numbers(2, 3, 4)), 0, 1),
        rolled=chumpy.rollaxis(chumpy.array(numbers(2, 3, 4)), 2),
        reshaped=chumpy.array(numbers(2, 3, 4)).reshape(-1),
        bs_style="lbs",
        bs_type="lrotmin",
    )
    with open(path, "wb") as file:
        pickle.dump(content, file, 2)


if __name__ == "__main__":
    main(sys.argv[1])
