"""A client of a hundred lines, as one writes it to measure a server: aiohttp and asyncio.

    python benchmarks/harness_minimal.py URL STREAMS REQUESTS RAMP_SECONDS

The clock starts before the request is given to aiohttp; each line is read as JSON when it comes.
Prints a JSON object for each request: id, ttft_ms, itl_ms.
"""

from __future__ import annotations

import asyncio
import json
import sys
from time import perf_counter

import aiohttp

TOKENS = 64


async def ask(session: aiohttp.ClientSession, url: str, number: int) -> dict[str, object]:
    """Send one request and time its tokens."""
    name = f"minimal-{number}"
    body = {
        "model": "simulated",
        "messages": [{"role": "user", "content": f"{number} hello there"}],
        "max_tokens": TOKENS,
        "stream": True,
    }
    times: list[float] = []
    begin = perf_counter()
    async with session.post(url, json=body, headers={"X-Request-ID": name}) as response:
        async for line in response.content:
            if line.startswith(b"data: {"):
                delta = json.loads(line[6:])["choices"][0]["delta"]
                if delta.get("content"):
                    times.append(perf_counter())
    gap = (times[-1] - times[0]) / (len(times) - 1)
    return {"id": name, "ttft_ms": (times[0] - begin) * 1000, "itl_ms": gap * 1000}


async def main(url: str, streams: int, requests: int, ramp: float) -> None:
    numbers = iter(range(requests))
    found: list[dict[str, object]] = []

    async def loop(slot: int) -> None:
        await asyncio.sleep(ramp * slot / streams)
        for number in numbers:
            found.append(await ask(session, url, number))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*map(loop, range(streams)))
    for one in found:
        print(json.dumps(one))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
