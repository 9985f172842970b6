"""Meted inside a program: count primes for two groups that share one pool, and go on where it was after a restart.

    python examples/embedded.py DIRECTORY            # run everything; interrupt it and run it again
    python examples/embedded.py DIRECTORY --units 8  # stop after 8 units; run it again to go on

The groups are domains with shares 1 and 3: while both have work, the second gets three times as much of the machine.
"""

from __future__ import annotations

import argparse
import sys
from math import isqrt

from meted.adapters.embedded import Pool, Unit
from meted.adapters.log import LogError
from meted.core.spec import Spec

CHUNK = 4_000


def count_primes(unit: Unit) -> bytes:
    """Count the primes of one chunk: what a unit of work is, is the program's own business."""
    first = int(unit.spec.payload) + unit.index * CHUNK
    chunk = range(first, first + CHUNK)
    count = sum(all(number % divisor for divisor in range(2, isqrt(number) + 1)) for number in chunk)
    return str(count).encode()


def run(pool: Pool, units_max: int | None) -> None:
    """Submit the work if that was not done yet, run it, and say how far it is."""
    if not pool.jobs():
        with pool.batch():  # all of it, or nothing if the program is killed just now
            pool.domain("algebra", share=1)
            pool.domain("geometry", share=3)
            pool.submit("algebra", Spec(payload=b"1000000"), count=100)
            pool.submit("geometry", Spec(payload=b"1400000"), count=100)

    pool.run(pool.join("this program"), count_primes, units_max)

    for job in pool.jobs():
        results = [pool.result(job["job"], index) for index in range(job["count"])]
        primes = sum(int(result) for result in results if result)
        print(f"{job['domain']}: {job['succeeded']} of {job['count']} units, {primes} primes so far")


def positive(text: str) -> int:
    """Return the number that ``text`` is, if it is at least 1."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError("give at least 1")
    return int(text)


def main() -> None:
    """Open the pool and go on; what can go wrong ends as a sentence."""
    parser = argparse.ArgumentParser(description="Count primes for two groups that share one pool.")
    parser.add_argument("directory", help="where the pool keeps its log; it is made if need be")
    parser.add_argument("--units", type=positive, help="stop after so many units (at least 1)")
    arguments = parser.parse_args()
    try:
        with Pool.open(arguments.directory) as pool:
            run(pool, arguments.units)
    except LogError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print("Interrupted; run it again to go on.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
