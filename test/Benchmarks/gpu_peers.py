"""Times what PyTorch, transformers and Triton do for layers of SwiGLU experts.

    gpu_peers.py '{"shapes": [[8, 2, 4096, 14336]], "tokens": [1, 16]}' [--device=cuda] [--tiny]

Prints JSON: for each figure seconds of one call, waiting for each ("call") and with
many calls in a row ("device"), or in words why there is none. Every peer is compared
with a loop over the experts in f32 first.
"""

import argparse
import json
import sys
import time


class Unavailable(Exception):
    """Why a peer cannot run."""


def reason(error):
    """The first line of an exception."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"[:200]


#===------------------------------------------------------------------------===#
# Peers: functions of x, gate_up, down, chosen, weights
#===------------------------------------------------------------------------===#

def reference(x, gate_up, down, chosen, weights):
    out = torch.zeros(x.shape, dtype=torch.float32, device=x.device)
    for expert in chosen.unique().tolist():
        row, slot = torch.where(chosen == expert)
        gate, up = torch.nn.functional.linear(x[row].float(), gate_up[expert].float()).chunk(2, -1)
        hidden = (torch.nn.functional.silu(gate) * up).to(x.dtype).float()
        out.index_add_(0, row, torch.nn.functional.linear(hidden, down[expert].float()) * weights[row, slot, None].float())
    return out


def grouped_mm():
    if not hasattr(torch, "_grouped_mm"):
        raise Unavailable(f"PyTorch {torch.__version__} has no torch._grouped_mm")

    def run(x, gate_up, down, chosen, weights):
        order = torch.argsort(chosen.flatten(), stable=True)
        ends = torch.bincount(chosen.flatten(), minlength=len(gate_up)).cumsum(0).to(torch.int32)
        both = torch._grouped_mm(x[order // chosen.shape[1]], gate_up.transpose(1, 2), offs=ends)
        gate, up = both.chunk(2, -1)
        rows = torch._grouped_mm(torch.nn.functional.silu(gate) * up, down.transpose(1, 2), offs=ends)
        out = torch.empty_like(rows)
        out[order] = rows
        return (out.view(*chosen.shape, -1) * weights[:, :, None]).sum(1)
    return run


def transformers_experts(form):
    def make():
        try:
            import transformers
            from transformers.models.mixtral.configuration_mixtral import MixtralConfig
            from transformers.models.mixtral import modeling_mixtral
        except ImportError as error:
            raise Unavailable(f"transformers is not installed ({error})") from None
        if not hasattr(modeling_mixtral, "MixtralExperts"):
            raise Unavailable(f"transformers {transformers.__version__} has no MixtralExperts")

        made = {}

        def run(x, gate_up, down, chosen, weights):
            if made.get("weights") is not gate_up:
                config = MixtralConfig(hidden_size=x.shape[1], intermediate_size=down.shape[2], num_local_experts=len(down),
                                       num_experts_per_tok=chosen.shape[1])
                config._experts_implementation = form
                with torch.device("meta"):
                    layer = modeling_mixtral.MixtralExperts(config)
                if layer.gate_up_proj.shape != gate_up.shape:
                    raise Unavailable(f"transformers {transformers.__version__} stores weights in another way")
                layer.gate_up_proj = torch.nn.Parameter(gate_up, requires_grad=False)
                layer.down_proj = torch.nn.Parameter(down, requires_grad=False)
                made.update(weights=gate_up, layer=layer)
            return made["layer"](x, chosen, weights)
        return run
    return make


def triton_experts():
    try:
        import gpu_triton
    except ImportError as error:
        raise Unavailable(f"Triton is not installed ({error})") from None
    config = {"BLOCK_N": 32, "BLOCK_K": 32, "GROUP": 2} if DEVICE == "cpu" else None
    return lambda *operands: gpu_triton.experts_layer(*operands, config=config)


PEERS = {"torch._grouped_mm": grouped_mm, "transformers, eager": transformers_experts("eager"),
         "transformers, grouped_mm": transformers_experts("grouped_mm"), "Triton": triton_experts}


#===------------------------------------------------------------------------===#
# Measuring
#===------------------------------------------------------------------------===#

def synchronize():
    if DEVICE != "cpu":
        torch.cuda.synchronize()


def measure(work, calls=20):
    """Medians of seconds: of single calls, and of calls in a row."""
    for _ in range(3):
        work()
    synchronize()
    single = []
    for _ in range(calls):
        start = time.perf_counter()
        work()
        synchronize()
        single.append(time.perf_counter() - start)
    start = time.perf_counter()
    for _ in range(calls):
        work()
    synchronize()
    return {"call": sorted(single)[calls // 2], "device": (time.perf_counter() - start) / calls}


def attempt(make, *operands):
    try:
        return make(*operands)
    except Unavailable as error:
        return str(error)
    except Exception as error:  # of whatever kind: the others are to run
        return reason(error)


def time_peer(make, operands, want):
    run = make()
    away = (run(*operands).float() - want).abs().max() / want.abs().max()
    if not away < 0.05:
        return f"its result differs by {away:.3g} of the largest value"
    return measure(lambda: run(*operands)) | {"away": float(away)}


def dense(rows, columns, depth):
    a = torch.randn(rows, depth, dtype=DTYPE, device=DEVICE)
    b = torch.randn(columns, depth, dtype=DTYPE, device=DEVICE)
    return measure(lambda: torch.matmul(a, b.T)) | {"flops": 2 * rows * columns * depth}


def layer(shape, tokens):
    """Figures of one shape, by number of tokens."""
    experts, top, hidden, inner = shape
    torch.manual_seed(1)
    draw = lambda *sizes: torch.randn(*sizes, dtype=DTYPE, device=DEVICE) * sizes[-1] ** -0.5
    gate_up, down = draw(experts, 2 * inner, hidden), draw(experts, hidden, inner)
    makers = {name: attempt(lambda make=make: (make(),)) for name, make in PEERS.items()}
    figures = {}
    for count in tokens:
        x = torch.randn(count, hidden, dtype=DTYPE, device=DEVICE)
        weights, chosen = torch.randn(count, experts, device=DEVICE).softmax(-1).topk(top)
        operands = (x, gate_up, down, chosen, (weights / weights.sum(-1, keepdim=True)).to(x.dtype))
        want = reference(*operands)
        row = figures[str(count)] = {}
        for name, made in makers.items():
            row[name] = made if isinstance(made, str) else attempt(time_peer, lambda made=made: made[0], operands, want)
        first, second = (attempt(dense, count * top, *sizes) for sizes in ((2 * inner, hidden), (hidden, inner)))
        if isinstance(first, dict) and isinstance(second, dict):
            row["dense matmul"] = {key: first[key] + second[key] for key in ("call", "device")}
        else:
            row["dense matmul"] = first if isinstance(first, str) else second
    return figures


def main():
    result = {"torch": torch.__version__, "device": DEVICE if DEVICE == "cpu" else torch.cuda.get_device_name(), "layers": []}
    size = 256 if ARGUMENTS.tiny else 8192
    result["square"] = attempt(dense, size, size, size)
    with torch.inference_mode():
        for shape in ARGUMENTS.spec["shapes"]:
            result["layers"].append(attempt(layer, shape, ARGUMENTS.spec["tokens"]))
            if DEVICE != "cpu":
                torch.cuda.empty_cache()
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("spec", type=json.loads)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true")
    ARGUMENTS = parser.parse_args()
    DEVICE = ARGUMENTS.device
    try:
        import torch
    except ImportError:
        sys.exit("PyTorch is not installed")
    if DEVICE != "cpu" and not torch.cuda.is_available():
        sys.exit(f"PyTorch {torch.__version__} finds no GPU")
    # Triton's interpreter, for a try without a GPU, knows no products of bf16.
    DTYPE = torch.float16 if DEVICE == "cpu" else torch.bfloat16
    main()
