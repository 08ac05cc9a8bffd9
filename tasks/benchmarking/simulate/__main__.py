"""The simulated server as a program of its own."""

import sys

from slipstream.tasks.benchmarking.simulate.process import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
