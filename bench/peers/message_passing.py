"""A rank of Open MPI (mpi4py) or gloo (torch.distributed) as a peer of the bench.

    mpirun -n N python3 message_passing.py mpi
    python3 message_passing.py gloo N        starts the other ranks itself

Rank 0 reads one JSON request a line and answers with "@reply JSON".
"""

import json
import os
import resource
import sys
import time

import numpy as np

PERIOD = 4096
TOGETHER = 64 * 1024


class Mpi:
    def __init__(self):
        from mpi4py import MPI

        self.mpi = MPI
        self.comm = MPI.COMM_WORLD
        self.rank, self.size = self.comm.rank, self.comm.size
        self.version = MPI.Get_library_version().split(",")[0]

    def command(self, request):
        """Ranks that wait must not spin, or whoever is measured gets no core."""
        if self.rank == 0:
            for to in range(1, self.size):
                self.comm.send(request, dest=to, tag=7)
            return request
        while not self.comm.Iprobe(source=0, tag=7):
            time.sleep(0.002)
        return self.comm.recv(source=0, tag=7)

    def gather(self, reply):
        return self.comm.gather(reply, root=0)

    def barrier(self):
        self.comm.Barrier()

    def all_reduce(self, values):
        self.comm.Allreduce(self.mpi.IN_PLACE, values, op=self.mpi.SUM)


class Gloo:
    def __init__(self, rank, size, port):
        import torch
        import torch.distributed as dist

        torch.set_num_threads(1)
        self.torch, self.dist = torch, dist
        self.rank, self.size = rank, size
        dist.init_process_group(
            "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=size
        )
        self.version = f"torch {torch.__version__}"

    def command(self, request):
        box = [request]
        self.dist.broadcast_object_list(box, src=0)
        return box[0]

    def gather(self, reply):
        replies = [None] * self.size
        self.dist.all_gather_object(replies, reply)
        return replies

    def barrier(self):
        self.dist.barrier()

    def all_reduce(self, values):
        self.dist.all_reduce(self.torch.from_numpy(values))


def cpu_ms():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return 1000 * (used.ru_utime + used.ru_stime)


def measure(world, request):
    length, times = request["bytes"] // 4, request["times"]
    pattern = np.resize((np.arange(PERIOD) % 61).astype(np.float32), length)
    expected = world.size * pattern + world.size * (world.size - 1) / 2
    values = np.empty(length, np.float32)
    ms, cpu, wrong = [], 0.0, 0
    world.barrier()
    for _ in range(times):
        np.add(pattern, np.float32(world.rank), out=values)
        if request["bytes"] > TOGETHER:
            world.barrier()
        used, start = cpu_ms(), time.perf_counter()
        world.all_reduce(values)
        ms.append(1000 * (time.perf_counter() - start))
        cpu += cpu_ms() - used
        wrong += int(np.count_nonzero(values != expected))
    world.barrier()
    return {"ms": ms, "cpuMs": cpu, "wrong": wrong}


def serve(world):
    while True:
        request = None
        if world.rank == 0:
            line = sys.stdin.readline()
            request = json.loads(line) if line else {"do": "end"}
        request = world.command(request)
        if request["do"] == "end":
            return
        if request["do"] == "about":
            reply = [{"version": world.version}]
        else:
            reply = world.gather(measure(world, request))
        if world.rank == 0:
            print("@reply " + json.dumps({"ranks": reply, "version": world.version}), flush=True)


def main():
    if sys.argv[1] == "mpi":
        return serve(Mpi())
    size = int(sys.argv[2])
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    for rank in range(1, size):
        if os.fork() == 0:
            sys.stdin.close()
            serve(Gloo(rank, size, port))
            os._exit(0)
    serve(Gloo(0, size, port))


main()
