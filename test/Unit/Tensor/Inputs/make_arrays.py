"""Writes the arrays that the tests of npy and npz read, with NumPy."""

import os

import numpy as np
from numpy.lib import format

here = os.path.dirname(os.path.abspath(__file__))
table = np.array([[1.5, -2.0, 3.25], [0.1, np.inf, -0.0]])


def save(name, array, version=None):
    with open(os.path.join(here, name), "wb") as file:
        format.write_array(file, array, version)


save("f32.npy", table.astype("<f4"))
save("f16.npy", table.astype("<f2"))
save("f64_version2.npy", table, (2, 0))
save("f64_version3.npy", table, (3, 0))
save("fortran.npy", np.asfortranarray(np.arange(24, dtype="<i4").reshape(2, 3, 4)))
save("bool.npy", np.array([True, False, True]))
save("u8.npy", np.array([0, 255], dtype="u1"))
save("i64_scalar.npy", np.array(-7, dtype="<i8"))
save("empty.npy", np.zeros((0, 4), dtype="<u2"))
save("big_endian.npy", table.astype(">f4"))
save("object.npy", np.array([{}], dtype=object))
np.savez(os.path.join(here, "stored.npz"), a=table, b=np.arange(3))
np.savez_compressed(os.path.join(here, "deflated.npz"), only=np.zeros((100, 3), dtype="<f4"))
