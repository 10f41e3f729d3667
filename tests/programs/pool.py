# SPDX-License-Identifier: MIT
"""Python's threads. To be reported, all alive and detached, as Python makes them: two of a pool, and one of
threading. Nothing leaked, of 4.
"""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

both_there = threading.Barrier(3)
never = threading.Event()


def work() -> None:
    both_there.wait()
    never.wait()


pool = ThreadPoolExecutor(2)
for _ in range(2):
    pool.submit(work)
both_there.wait()
thread = threading.Thread(target=never.wait)
thread.start()
print("ready", flush=True)
while True:
    signal.pause()
