"""PyTorch on the CPU: the same step, answered line by line like the other peers."""
import json
import os
import sys
import time

import numpy
import torch
import torch.nn.functional as F


def read_problem(path):
    with open(path + ".json") as file:
        problem = json.load(file)
    with open(path + ".safetensors", "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        body = file.read()
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        values = numpy.frombuffer(body[begin:end], dtype=numpy.float32)
        tensors[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
    return problem, tensors


def loss_of(problem, p, patches, labels):
    """Mean cross-entropy of a batch."""
    model, batch = problem["model"], problem["batch"]
    dim, heads, epsilon = model["dim"], model["heads"], model["epsilon"]

    def linear(x, name):
        return F.linear(x, p[name + ".weight"], p[name + ".bias"])

    def norm(x, name):
        return F.layer_norm(x, (dim,), p[name + ".weight"], p[name + ".bias"], epsilon)

    projection = p["patch_embed.proj.weight"].reshape(dim, -1)
    embedded = F.linear(patches, projection, p["patch_embed.proj.bias"])
    x = torch.cat([p["cls_token"].expand(batch, 1, dim), embedded], 1) + p["pos_embed"]
    tokens = x.shape[1]
    for i in range(model["depth"]):
        block = f"blocks.{i}."
        qkv = linear(norm(x, block + "norm1"), block + "attn.qkv")
        qkv = qkv.reshape(batch, tokens, 3, heads, dim // heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        scores = (q * (dim // heads) ** -0.5) @ k.transpose(-2, -1)
        attended = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, tokens, dim)
        x = x + linear(attended, block + "attn.proj")
        hidden = F.gelu(linear(norm(x, block + "norm2"), block + "mlp.fc1"))
        x = x + linear(hidden, block + "mlp.fc2")
    logits = linear(norm(x, "norm")[:, 0], "head")
    return F.cross_entropy(logits, labels.argmax(1))


class Step:
    def __init__(self, path):
        self.problem, tensors = read_problem(path)
        self.patches = tensors.pop("input.patches")
        self.labels = tensors.pop("input.labels")
        self.p = {name: value.requires_grad_() for name, value in tensors.items()}
        options = self.problem["optimizer"]
        decays = set(self.problem["decays"])
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [v for n, v in self.p.items() if n in decays]},
                {"params": [v for n, v in self.p.items() if n not in decays], "weight_decay": 0},
            ],
            lr=options["learningRate"],
            betas=(options["beta1"], options["beta2"]),
            eps=options["epsilon"],
            weight_decay=options["weightDecay"],
        )

    def run(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = loss_of(self.problem, self.p, self.patches, self.labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()


def timed(work):
    start, cpu = time.perf_counter(), time.process_time()
    work()
    return {
        "ms": (time.perf_counter() - start) * 1000,
        "cpuMs": (time.process_time() - cpu) * 1000,
    }


def gemm(request):
    rows, depth, cols = request["rows"], request["depth"], request["cols"]
    layout, repeats = request["layout"], request["repeats"]

    def values(count, factor):
        return ((torch.arange(count) * factor % 17) - 8).float() / 8

    left = values(rows * depth, 7).reshape((depth, rows) if layout == "TN" else (rows, depth))
    right = values(depth * cols, 5).reshape((cols, depth) if layout == "NT" else (depth, cols))
    a = left.t() if layout == "TN" else left
    b = right.t() if layout == "NT" else right
    head = (a @ b).flatten()[:8].tolist()

    def work():
        for _ in range(repeats):
            torch.matmul(a, b)

    took = timed(work)
    return {"ms": took["ms"] / repeats, "cpuMs": took["cpuMs"] / repeats, "head": head}


def main():
    # Its default counts cores without their second threads; the adapter uses all.
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    state = {}

    def open_problem(request):
        step = state["step"] = Step(request["problem"])
        losses = []
        first = timed(lambda: losses.append(step.run()))
        losses.append(step.run())
        count = sum(value.numel() for value in step.p.values())
        return {"parameters": count, "losses": losses, "firstMs": first["ms"]}

    handlers = {
        "about": lambda _: {"version": torch.__version__, "threads": torch.get_num_threads()},
        "open": open_problem,
        "gemm": gemm,
        "step": lambda _: timed(lambda: state["step"].run()),
    }
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = handlers[request["do"]](request)
        except Exception as error:  # Told to whoever asked.
            reply = {"error": str(error)}
        print("@reply " + json.dumps(reply), flush=True)


main()
