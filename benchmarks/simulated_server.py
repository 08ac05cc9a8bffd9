"""How well the simulated server keeps its schedule, and what it costs.

    python benchmarks/simulated_server.py [STREAMS...]

A client that only reads runs so many streams at a time in another process; the server's own truth
is compared with its plan. Lateness is `sent - planned` of chunks with tokens.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import selectors
import socket
import sys
import time
from random import Random

import numpy as np

from slipstream.tasks.benchmarking.simulate import Settings, Simulated, start

TOKENS = 64
SETTINGS = Settings(ttft_ms=50, itl_ms=10)
SPREAD = 0.5  # seconds over which the streams begin
ROUNDS = 4  # requests of each stream, one after the other
END = b"\r\n0\r\n\r\n"


def read_streams(port: int, streams: int) -> None:
    """Run so many streams at a time, and throw away what comes."""
    message = {"role": "user", "content": "hello there"}
    body = {"model": "simulated", "messages": [message], "stream": True, "max_tokens": TOKENS}
    data = json.dumps(body).encode()
    request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (
        len(data),
        data,
    )
    selector = selectors.DefaultSelector()
    random, now = Random(1), time.monotonic()
    begins = sorted((now + random.random() * SPREAD, stream) for stream in range(streams))
    socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(streams)]
    left = dict.fromkeys(range(streams), ROUNDS)
    tails = [b""] * streams
    for stream, sock in enumerate(socks):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(sock, selectors.EVENT_READ, stream)
    while left:
        while begins and begins[0][0] <= time.monotonic():
            socks[begins.pop(0)[1]].sendall(request)
        wait = max(begins[0][0] - time.monotonic(), 0) if begins else None
        for key, _ in selector.select(wait):
            stream, sock = key.data, socks[key.data]
            tails[stream] = (tails[stream] + sock.recv(65536))[-len(END) :]
            if tails[stream] == END:
                tails[stream] = b""
                left[stream] -= 1
                if left[stream]:
                    sock.sendall(request)
                else:
                    del left[stream]
    for sock in socks:
        sock.close()


def cpu_seconds(pid: int) -> float:
    """What a process has used (Linux)."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stream:
        fields = stream.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(server: Simulated, streams: int) -> str:
    """A row of the table."""
    server.clear()
    before = cpu_seconds(server.pid)
    port = int(server.root.rpartition(":")[2])
    client = multiprocessing.Process(target=read_streams, args=(port, streams))
    client.start()
    client.join()
    used = cpu_seconds(server.pid) - before
    truth = server.truth()
    late = np.concatenate(
        [
            (np.array(t["sent"]) - np.array(t["planned"]))[np.array(t["tokens"]) > 0] / 1e6
            for t in truth
        ]
    )
    shares = [f"{value:.2f}" for value in (*np.percentile(late, (50, 90, 99)), late.max())]
    cost = f"{used / len(late) * 1e6:.0f}"
    return " | ".join(["", str(streams), str(len(late)), *shares, cost, ""]).strip()


def main() -> None:
    """Print the table."""
    print("| streams | chunks | late p50, ms | p90 | p99 | most | CPU per chunk, µs |")
    print("| --: | --: | --: | --: | --: | --: | --: |")
    for streams in [int(text) for text in sys.argv[1:]] or (1, 64, 256):
        with start(SETTINGS) as server:
            print(measure(server, streams), flush=True)


if __name__ == "__main__":
    main()
