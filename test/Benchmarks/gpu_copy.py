"""How fast a GPU copies its own memory, by the functions of the driver."""

import ctypes
import os


class Unavailable(Exception):
    """Why there is no such figure."""


def copy_bandwidth(ordinal=0, size=1 << 30, repetitions=10):
    """Bytes per second that are read and written when a block is copied."""
    try:
        cuda = ctypes.CDLL(os.environ.get("MOE_CUDA_DRIVER") or "libcuda.so.1")
    except OSError as error:
        raise Unavailable(str(error)) from None

    def call(name, *arguments):
        if not hasattr(cuda, name):
            raise Unavailable(f"the driver has no {name}")
        code = getattr(cuda, name)(*arguments)
        if code:
            raise Unavailable(f"{name}: error {code}")

    device, context = ctypes.c_int(), ctypes.c_void_p()
    call("cuInit", 0)
    call("cuDeviceGet", ctypes.byref(device), ordinal)
    call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    try:
        call("cuCtxSetCurrent", context)
        blocks = [ctypes.c_uint64(), ctypes.c_uint64()]
        for block in blocks:
            call("cuMemAlloc_v2", ctypes.byref(block), ctypes.c_size_t(size))
        events = [ctypes.c_void_p(), ctypes.c_void_p()]
        for event in events:
            call("cuEventCreate", ctypes.byref(event), 0)
        copy = lambda: call("cuMemcpyDtoDAsync_v2", blocks[0], blocks[1], ctypes.c_size_t(size), None)
        copy()
        call("cuEventRecord", events[0], None)
        for _ in range(repetitions):
            copy()
        call("cuEventRecord", events[1], None)
        call("cuEventSynchronize", events[1])
        milliseconds = ctypes.c_float()
        call("cuEventElapsedTime", ctypes.byref(milliseconds), *events)
        for block in blocks:
            call("cuMemFree_v2", block)
        return 2 * size * repetitions / (milliseconds.value * 1e-3)
    finally:
        cuda.cuDevicePrimaryCtxRelease_v2(device)
