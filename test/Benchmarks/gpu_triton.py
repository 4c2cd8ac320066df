"""SwiGLU experts in Triton, to compare with: one kernel for the gate and the up
projection with the activation, one for the down projection.

Rows are sorted by expert, and each block of `BLOCK_M` places holds rows of one
expert; a place without a row holds the number of places.
"""

import torch
import triton
import triton.language as tl


@triton.jit
def experts_kernel(rows, weights, out, places, block_experts, scale, columns, depth, num_places, divisor, stride_expert,
                   FUSED: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr):
    # Blocks of rows that use the same weights follow each other.
    pid, blocks_n = tl.program_id(0), tl.cdiv(columns, BLOCK_N)
    blocks_m = tl.num_programs(0) // blocks_n
    first = pid // (GROUP * blocks_n) * GROUP
    height = min(blocks_m - first, GROUP)
    block_m = first + pid % (GROUP * blocks_n) % height
    block_n = pid % (GROUP * blocks_n) // height

    expert = tl.load(block_experts + block_m)
    if expert < 0:
        return
    place = tl.load(places + block_m * BLOCK_M + tl.arange(0, BLOCK_M))
    there = place < num_places
    n = block_n * BLOCK_N + tl.arange(0, BLOCK_N)
    k = tl.arange(0, BLOCK_K)
    row = rows + (place // divisor)[:, None].to(tl.int64) * depth + k[None, :]
    weight = weights + expert.to(tl.int64) * stride_expert + n[None, :].to(tl.int64) * depth + k[:, None]
    sum = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    up = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for at in range(0, depth, BLOCK_K):
        inside = at + k < depth
        a = tl.load(row + at, mask=there[:, None] & inside[None, :], other=0.0)
        mask = inside[:, None] & (n < columns)[None, :]
        sum = tl.dot(a, tl.load(weight + at, mask=mask, other=0.0), sum)
        if FUSED:
            up = tl.dot(a, tl.load(weight + columns.to(tl.int64) * depth + at, mask=mask, other=0.0), up)
    if FUSED:
        sum = sum * tl.sigmoid(sum) * up
    else:
        sum = sum * tl.load(scale + place, mask=there, other=0.0)[:, None]
    tl.store(out + place[:, None].to(tl.int64) * columns + n[None, :], sum.to(out.dtype.element_ty),
             mask=there[:, None] & (n < columns)[None, :])


def configurations():
    """Sizes of blocks, warps and stages that are tried."""
    sizes = [(64, 64, 4, 4), (64, 128, 4, 4), (128, 64, 4, 4), (128, 64, 8, 4), (128, 128, 8, 3), (256, 64, 8, 3)]
    return [triton.Config({"BLOCK_N": n, "BLOCK_K": k, "GROUP": g}, num_warps=warps, num_stages=stages)
            for n, k, warps, stages in sizes for g in (1, 16)]


tuned_kernel = triton.autotune(configurations(), key=["columns", "depth", "num_places", "FUSED", "BLOCK_M"])(experts_kernel)


def block_rows(num_places, experts):
    """Rows of a block, for that many places."""
    return next((size for size in (16, 32, 64) if num_places <= size * experts), 128)


def sort_places(chosen, experts, block):
    """The places of each block and its expert, without waiting for the device."""
    flat = chosen.flatten()
    num_places = flat.numel()
    most = min(num_places, (num_places + block - 1) // block + experts)
    order = torch.argsort(flat, stable=True)
    counts = torch.bincount(flat, minlength=experts)
    blocks = (counts + block - 1) // block
    ends = blocks.cumsum(0)
    block_experts = torch.searchsorted(ends, torch.arange(most, device=flat.device), right=True)
    sorted_experts = flat[order]
    rank = torch.arange(num_places, device=flat.device) - (counts.cumsum(0) - counts)[sorted_experts]
    places = torch.full((most * block,), num_places, dtype=torch.int32, device=flat.device)
    places[(ends - blocks)[sorted_experts] * block + rank] = order.to(torch.int32)
    return places, torch.where(block_experts < experts, block_experts, -1).to(torch.int32), most


def experts_layer(x, gate_up, down, chosen, weights, config=None):
    """x: [rows, hidden]; gate_up: [experts, 2 * inner, hidden]; down: [experts, hidden,
    inner]; chosen, weights: [rows, top]. `config` instead of tuning."""
    experts, both, hidden = gate_up.shape
    inner, (rows, top) = both // 2, chosen.shape
    block = block_rows(rows * top, experts)
    places, block_experts, blocks = sort_places(chosen, experts, block)
    middle = torch.empty(rows * top, inner, dtype=x.dtype, device=x.device)
    out = torch.empty(rows * top, hidden, dtype=x.dtype, device=x.device)
    scale = weights.flatten().float()
    for a, w, result, columns, depth, divisor, fused in ((x, gate_up, middle, inner, hidden, top, True),
                                                         (middle, down, out, hidden, inner, 1, False)):
        grid = lambda meta: (blocks * triton.cdiv(columns, meta["BLOCK_N"]),)
        kernel, more = (experts_kernel, config) if config else (tuned_kernel, {})
        kernel[grid](a, w, result, places, block_experts, scale, columns, depth, rows * top, divisor, w.stride(0),
                     FUSED=fused, BLOCK_M=block, **more)
    return out.view(rows, top, hidden).sum(1)
